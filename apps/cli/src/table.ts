/** Columns of text: the first to the left, the others to the right; columns that do not fit are left out from the right. */
export function textTable(header: readonly string[], rows: readonly (readonly string[])[], width: number): string[] {
  const widths = header.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  let columns = header.length;
  while (columns > 1 && widths.slice(0, columns).reduce((sum, cells) => sum + cells + 2, -2) > width) columns--;
  const line = (cells: readonly string[]) =>
    cells
      .slice(0, columns)
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
      .join("  ")
      .trimEnd();
  return [line(header), line(widths.map((cells) => "─".repeat(cells))), ...rows.map(line)];
}
