import { type Found, type Kind, kinds, rules } from "./rules.ts";

/** One identifier of a note and what stands for it. Offsets are UTF-16 code units, `end` exclusive; none of the identifier is kept. */
export interface Replacement {
  readonly kind: Kind;
  /** In the note as given. */
  readonly start: number;
  readonly end: number;
  /** In the text that was made of it. */
  readonly outStart: number;
  readonly outEnd: number;
  /** [NAME1]: the same for the same words within a note. */
  readonly placeholder: string;
}

export interface Deidentified {
  readonly text: string;
  /** In the order of the note, not overlapping. */
  readonly replacements: readonly Replacement[];
  /** An offset into `text` as one into the note: within a placeholder, the start of what it stands for. */
  toOriginal(offset: number): number;
}

/** A note is read in pieces of this size, cut at line ends: bounds every look-ahead. */
const most = 2000;

/**
 * Replaces names, telephone numbers, e-mail addresses, identity and record numbers, dates of birth, addresses, hospitals and accounts by
 * typed placeholders. By rules: some identifiers are missed and some other words are taken (docs/guide/diagnosing.md has the shares), so
 * that a person must read what is to leave the building.
 *
 * @example
 * deidentify("患儿姓名：赵晓彤，电话13912345678").text; // "患儿姓名：[NAME1]，电话[PHONE1]"
 */
export function deidentify(text: string): Deidentified {
  const found = findIdentifiers(text);
  const numbers = new Map<string, string>();
  const counts = new Map<Kind, number>();
  const replacements: Replacement[] = [];
  let out = "";
  let from = 0;
  for (const { kind, start, end } of found) {
    const key = `${kind} ${text.slice(start, end)}`;
    let placeholder = numbers.get(key);
    if (!placeholder) {
      const count = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, count);
      placeholder = `[${kind.toUpperCase()}${count}]`;
      numbers.set(key, placeholder);
    }
    out += text.slice(from, start);
    replacements.push({ kind, start, end, outStart: out.length, outEnd: out.length + placeholder.length, placeholder });
    out += placeholder;
    from = end;
  }
  out += text.slice(from);
  return { text: out, replacements, toOriginal: (offset) => originalOf(offset, replacements) };
}

function originalOf(offset: number, replacements: readonly Replacement[]): number {
  let [low, high] = [0, replacements.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (replacements[middle].outStart <= offset) low = middle + 1;
    else high = middle;
  }
  const last = replacements[low - 1];
  if (!last) return offset;
  return offset < last.outEnd ? last.start : offset - last.outEnd + last.end;
}

/** Where identifiers stand, in order, not overlapping. */
export function findIdentifiers(text: string): Found[] {
  const taken: Found[] = [];
  for (let from = 0; from < text.length; ) {
    const to = pieceEnd(text, from);
    taken.push(...inPiece(text.slice(from, to), from));
    from = to;
  }
  return merge([...taken, ...repeats(text, taken)]);
}

function pieceEnd(text: string, from: number): number {
  const limit = Math.min(text.length, from + most);
  if (limit === text.length) return limit;
  for (const stop of ["\n", "。", ". ", " "]) {
    const at = text.lastIndexOf(stop, limit - stop.length);
    if (at > from + most / 2) return at + stop.length;
  }
  return limit;
}

function inPiece(piece: string, offset: number): Found[] {
  const found: Found[] = [];
  const free = new Uint8Array(piece.length).fill(1);
  for (const { kind, pattern, accept } of rules) {
    pattern.lastIndex = 0;
    for (let match = pattern.exec(piece); match; match = pattern.exec(piece)) {
      if (match[0] === "") pattern.lastIndex++;
      const span = match.indices?.groups?.["x"];
      if (!span) continue;
      let [start, end] = span;
      const verdict = accept?.(match.groups!["x"], match) ?? true;
      if (verdict === false || verdict === 0) {
        // What was refused as a whole may hold one that begins later.
        pattern.lastIndex = Math.max(start + 1, match.index + 1);
        continue;
      }
      if (typeof verdict === "number") [start, end] = verdict < 0 ? [start - verdict, end] : [start, start + verdict];
      if (!isFree(free, start, end)) continue;
      free.fill(0, start, end);
      found.push({ kind, start: start + offset, end: end + offset });
    }
  }
  return found;
}

function isFree(free: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if (free[at] === 0) return false;
  return true;
}

/** Names looked for again in the whole note, at most. */
const mostRepeated = 40;

/** A name that was found by its label is one without it too. */
function repeats(text: string, found: readonly Found[]): Found[] {
  const names = new Set<string>();
  for (const { kind, start, end } of found) {
    const name = text.slice(start, end);
    const chinese = /^[\u4e00-\u9fff]{3,4}$/.test(name);
    if (kind === "name" && (chinese || /^[A-Z].{3,}/.test(name)) && names.size < mostRepeated) names.add(name);
  }
  const again: Found[] = [];
  for (const name of names)
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + name.length))
      if (!/[A-Za-z]/.test(name) || !/[A-Za-z]/.test(text[at + name.length] ?? ""))
        again.push({ kind: "name", start: at, end: at + name.length });
  return again;
}

function merge(found: readonly Found[]): Found[] {
  const order = (kind: Kind): number => kinds.indexOf(kind);
  const sorted = found.toSorted((a, b) => a.start - b.start || b.end - a.end || order(a.kind) - order(b.kind));
  const merged: Found[] = [];
  for (const one of sorted) if (one.start >= (merged.at(-1)?.end ?? 0)) merged.push(one);
  return merged;
}
