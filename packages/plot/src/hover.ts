/**
 * Shows the values under the pointer. Everything can be read without: the curves are drawn, this only points at them.
 * Each figure holds its data as JSON, and each picture its frame.
 */
export const hoverScript = `
for (const figure of document.querySelectorAll("figure")) {
  const source = figure.querySelector("script");
  if (!source) continue;
  const { unit, series } = JSON.parse(source.textContent);
  const tip = figure.appendChild(Object.assign(document.createElement("div"), { className: "tip", hidden: true }));
  const format = (value) => Math.abs(value) >= 1e4 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
  for (const svg of figure.querySelectorAll("svg")) {
    const frame = JSON.parse(svg.dataset.frame);
    const cursor = svg.appendChild(document.createElementNS(svg.namespaceURI, "line"));
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("y1", frame.top);
    cursor.setAttribute("y2", frame.bottom);
    cursor.style.display = "none";
    const hide = () => { tip.hidden = true; cursor.style.display = "none"; };
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const scale = svg.viewBox.baseVal.width / box.width;
      const at = (event.clientX - box.left) * scale;
      if (at < frame.left - 4 || at > frame.right + 4) return hide();
      const x = frame.x[0] + (at - frame.left) / (frame.right - frame.left) * (frame.x[1] - frame.x[0]);
      const rows = [];
      let nearest = null;
      for (const { label, color, points } of series) {
        let best = null;
        for (const point of points) if (point[1] !== null && (!best || Math.abs(point[0] - x) < Math.abs(best[0] - x))) best = point;
        if (!best) continue;
        if (!nearest || Math.abs(best[0] - x) < Math.abs(nearest - x)) nearest = best[0];
        rows.push({ label, color, value: best[1] });
      }
      if (nearest === null) return hide();
      const px = frame.left + (nearest - frame.x[0]) / (frame.x[1] - frame.x[0]) * (frame.right - frame.left);
      cursor.setAttribute("x1", px);
      cursor.setAttribute("x2", px);
      cursor.style.display = "";
      tip.replaceChildren(unit + " " + format(nearest), ...rows.map(({ label, color, value }) => {
        const row = document.createElement("div");
        row.append(Object.assign(document.createElement("i"), { style: "background:" + color }), label + "  " + format(value));
        return row;
      }));
      tip.hidden = false;
      const outer = figure.getBoundingClientRect();
      const left = box.left - outer.left + px / scale;
      const flip = left + 16 + tip.offsetWidth > outer.width - 6;
      tip.style.left = Math.max(4, flip ? left - 12 - tip.offsetWidth : left + 12) + "px";
      tip.style.top = box.top - outer.top + frame.top / scale + 8 + "px";
    });
  }
}`;
