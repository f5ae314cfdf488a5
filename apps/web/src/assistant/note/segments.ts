/** What a stretch of the note was found to be. `flag` is a red flag; evidence is that of the disease that is looked at. */
export type Layer = "value" | "for" | "against" | "flag";

/** A stretch of the note that something else on the page points to. */
export interface Mark {
  /** Names the thing that points here; several stretches may belong to one. */
  readonly ref: string;
  readonly layer: Layer;
  /** UTF-16 code units, `end` exclusive. */
  readonly start: number;
  readonly end: number;
  /** For those who hear the page: "value, Temperature". */
  readonly label: string;
}

/** A piece of the note over which the same marks lie. */
export interface Segment {
  readonly text: string;
  readonly marks: readonly Mark[];
  /** Whether one of the marks begins here. */
  readonly begins: boolean;
}

/**
 * Cuts a note where marks begin and end. Joined again, the pieces are the note. Marks that lie outside of it are left out, and none
 * cuts a surrogate pair: it is widened to the whole character.
 */
export function segmentsOf(text: string, marks: readonly Mark[]): Segment[] {
  const placed = marks.flatMap((mark) => {
    const start = wholeCharacter(text, clamp(mark.start, text.length), -1);
    const end = wholeCharacter(text, clamp(mark.end, text.length), 1);
    return start < end && mark.start < mark.end ? [{ mark, start, end }] : [];
  });
  const cuts = [...new Set([0, text.length, ...placed.flatMap(({ start, end }) => [start, end])])].sort(
    (a, b) => a - b,
  );
  const byStart = placed.sort((a, b) => a.start - b.start || b.end - a.end);
  const out: Segment[] = [];
  let next = 0;
  let open: typeof placed = [];
  for (let i = 0; i + 1 < cuts.length; i++) {
    const at = cuts[i];
    open = open.filter(({ end }) => end > at);
    while (next < byStart.length && byStart[next].start === at) open.push(byStart[next++]);
    const begins = open.some(({ start }) => start === at);
    out.push({ text: text.slice(at, cuts[i + 1]), marks: open.map(({ mark }) => mark), begins });
  }
  return out;
}

function clamp(offset: number, length: number): number {
  return Number.isFinite(offset) ? Math.max(0, Math.min(length, Math.trunc(offset))) : 0;
}

function wholeCharacter(text: string, offset: number, step: 1 | -1): number {
  const inside =
    offset > 0 &&
    offset < text.length &&
    isIn(text.charCodeAt(offset - 1), 0xd800) &&
    isIn(text.charCodeAt(offset), 0xdc00);
  return inside ? offset + step : offset;
}

/** Whether a code unit is one of the 1024 from `first`: high surrogates begin at D800, low ones at DC00. */
function isIn(unit: number, first: number): boolean {
  return unit >= first && unit < first + 0x400;
}
