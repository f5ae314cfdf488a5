/** Takes files that are dropped anywhere on `root`; while one hangs over it, the element has `data-dropping`. */
export function acceptDrop(root: HTMLElement, take: (file: File) => void): void {
  const hasFile = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  root.addEventListener("dragover", (event) => {
    if (!hasFile(event)) return;
    event.preventDefault();
    root.setAttribute("data-dropping", "");
  });
  root.addEventListener("dragleave", ({ relatedTarget }) => {
    if (!(relatedTarget instanceof Node && root.contains(relatedTarget))) root.removeAttribute("data-dropping");
  });
  root.addEventListener("drop", (event) => {
    root.removeAttribute("data-dropping");
    const file = event.dataTransfer?.files[0];
    if (file === undefined) return;
    event.preventDefault();
    take(file);
  });
}
