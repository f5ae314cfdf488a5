/** Runs in the page: text of too little contrast, controls without a name, what is wider than its place or longer than the page. */
export function findFaults(): string[] {
  const faults: string[] = [];
  if (document.documentElement.scrollWidth > innerWidth) faults.push("the page scrolls sideways");
  if (document.querySelector(".assistant") && document.documentElement.scrollHeight > innerHeight + 1)
    faults.push("the window scrolls beyond the page");
  for (const card of document.querySelectorAll(".card"))
    if (card.scrollWidth > card.clientWidth + 1) faults.push(`wider than its card: ${card.className}`);
  const canvas = document
    .createElement("canvas")
    .getContext("2d", { willReadFrequently: true }) as CanvasRenderingContext2D;
  const over = (colours: string[]) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    const linear = [...canvas.getImageData(0, 0, 1, 1).data.slice(0, 3)].map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const visible = (node: Element) => node.checkVisibility() && node.getClientRects().length > 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!node || !walker.currentNode.textContent?.trim() || !visible(node)) continue;
    if (node.closest(":disabled, noscript, .visually-hidden, option, textarea, .skip")) continue;
    const grounds: string[] = [];
    for (let up: Element | null = node; up; up = up.parentElement)
      grounds.unshift(getComputedStyle(up).backgroundColor);
    const ground = over(grounds);
    const ink = over([...grounds, getComputedStyle(node).color]);
    const contrast = (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05);
    if (contrast < 4.5) faults.push(`${contrast.toFixed(2)} : 1 for ${walker.currentNode.textContent.slice(0, 30)}`);
  }
  for (const node of document.querySelectorAll<HTMLInputElement>("button, input, select, textarea")) {
    const name =
      node.getAttribute("aria-label") ||
      node.textContent ||
      [...(node.labels ?? [])].map((label) => label.textContent).join("");
    if (!name.trim()) faults.push(`no name: ${node.outerHTML.slice(0, 80)}`);
  }
  return faults;
}
