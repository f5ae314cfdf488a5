/** A record of a CSV file with the line that it begins on, from 1. */
export interface CsvRow {
  readonly line: number;
  readonly cells: readonly string[];
}

/**
 * Splits CSV (RFC 4180): commas, or semicolons or tabs where the first line has more of those; quotes doubled within quotes; line ends
 * of any system.
 *
 * @throws if a quote is not closed, naming the line that it opens on
 */
export function parseCsv(text: string): CsvRow[] {
  const source = text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
  const separator = separatorOf(source);
  const rows: CsvRow[] = [];
  let cells: string[] = [];
  let cell = "";
  let line = 1;
  let began = 1;
  const endRow = () => {
    cells.push(cell);
    if (cells.length > 1 || cell !== "") rows.push({ line: began, cells });
    [cells, cell] = [[], ""];
  };
  for (let at = 0; at < source.length; at++) {
    const character = source[at];
    if (character === '"' && cell === "") {
      const opened = line;
      for (at++; ; at++) {
        if (at >= source.length) throw new Error(`line ${opened}: a quote is opened and not closed`);
        if (source[at] === "\n") line++;
        if (source[at] !== '"') cell += source[at];
        else if (source[at + 1] === '"') cell += source[at++];
        else break;
      }
    } else if (character === separator) {
      cells.push(cell);
      cell = "";
    } else if (character === "\n") {
      cell = cell.replace(/\r$/, "");
      endRow();
      began = ++line;
    } else cell += character;
  }
  if (cell !== "" || cells.length > 0) endRow();
  return rows;
}

function separatorOf(text: string): string {
  const end = text.indexOf("\n");
  const head = end < 0 ? text : text.slice(0, end);
  const count = (separator: string) => head.split(separator).length;
  return [";", "\t"].reduce((best, separator) => (count(separator) > count(best) ? separator : best), ",");
}
