import { convert } from "../codes/index.ts";
import type { Label } from "./label.ts";
import { endsSentence, isClass, isComma, isNumber, type Note, termAt } from "./note.ts";
import type { Quantity } from "./quantity.ts";
import { type Reading, read } from "./reading.ts";
import { isHan } from "./scan.ts";
import { Kind } from "./tokens.ts";

/** Less than any child weighs, in kg: a weight so small that no name precedes is of something else. */
const leastWeight = 1.5;

interface Unnamed {
  readonly observation: number;
  readonly reading: Reading;
}

/** A number whose unit names the measurement: 38.5 ℃, 38度, 20斤, 8 pounds 6 ounces. */
export function readAlone(note: Note, q: Quantity, label: Label | undefined): Unnamed | undefined {
  const { lexicon } = note;
  if (q.parts.length > 1 || !q.unit) return undefined;
  if (isGluedCelsius(note, q)) return readGlued(note, q);
  const term = unitTerm(note, q);
  const observation = term?.alone ?? -1;
  if (observation < 0) return undefined;
  const entry = lexicon.observations[observation];
  const reading = read(entry, q.parts[0], q.decimals);
  if (!reading) return undefined;
  if (entry.code === "8310-5") {
    if (reading.low < 34 || reading.high > 43 || nearClass(note, q, "notBody", 2)) return undefined;
    if (q.unit.unit === "deg" && !inHan(note, q.from)) return undefined;
  }
  if (entry.code === "29463-7" && !isBodyWeight(note, q)) return undefined;
  if (label && !label.spent && label.observations.length === 0 && label.cost < 0.5) return undefined;
  return { observation, reading };
}

/** 36.8C, in a row of vital signs that has no T. */
function isGluedCelsius(note: Note, q: Quantity): boolean {
  const { tokens, codes } = note;
  return (
    q.decimals === 1 &&
    q.unit?.unit === "Cel" &&
    q.to - q.from === 2 &&
    tokens.end[q.from] === tokens.start[q.from + 1] &&
    codes[tokens.start[q.from + 1]] === 0x63
  );
}

function readGlued(note: Note, q: Quantity): Unnamed | undefined {
  const observation = note.lexicon.observations.findIndex(({ code }) => code === "8310-5");
  const reading = read(note.lexicon.observations[observation], q.parts[0], q.decimals);
  return reading && reading.low >= 34 && reading.low <= 43 ? { observation, reading } : undefined;
}

/** 95% on room air, 95% on 2 L. */
export function readOnOxygen(note: Note, q: Quantity, label: Label | undefined): Unnamed | undefined {
  if (q.unit?.unit !== "%" || q.parts.length > 1) return undefined;
  const litres = termAt(note, q.from - 1)?.unit !== undefined && isClass(note, q.from - 1, "oxygen");
  if (litres && q.parts[0].low >= 70) return saturation(note, q);
  if (label && !label.spent) return undefined;
  if (isClass(note, q.from - 1, "oxygen") && q.parts[0].low >= 80 && !isClass(note, q.to, "bridge"))
    return saturation(note, q);
  let at = q.to;
  if (isClass(note, at, "oxygen") && !["oxygen", "o2"].includes(termAt(note, at)!.spelling)) return saturation(note, q);
  if (!isClass(note, at, "bridge")) return undefined;
  at++;
  if (isNumber(note, at)) at++;
  return isClass(note, at, "oxygen") ? saturation(note, q) : undefined;
}

function saturation(note: Note, q: Quantity): Unnamed | undefined {
  const observation = note.lexicon.observations.findIndex(({ code }) => code === "59408-5");
  const reading = read(note.lexicon.observations[observation], q.parts[0], q.decimals);
  return reading && reading.low >= 50 ? { observation, reading } : undefined;
}

/**
 * A number that neither name nor unit explains, where its script and its size do: 38.2 in a Chinese note.
 *
 * @param last the code of the finding before
 */
export function readUnlabelled(
  note: Note,
  q: Quantity,
  label: Label | undefined,
  lineCost: number,
  last: string | undefined,
): Unnamed | undefined {
  if (q.unit || q.parts.length > 1 || (label && !label.spent && label.observations.length === 0)) return undefined;
  for (const [observation, { code, unlabelled }] of note.lexicon.observations.entries()) {
    if (!unlabelled) continue;
    const { low, high } = q.parts[0];
    if (low < unlabelled.from || high > unlabelled.to || !inHan(note, q.from)) continue;
    const whole = lineCost <= 0.5 && endsLine(note, q.to) && (label === undefined || label.observations.length > 0);
    // 39.27 is read off a display as 39.2 is.
    const printed = q.decimals === unlabelled.decimals || q.decimals === unlabelled.decimals + 1;
    const diary = low >= 36 && high <= 41 && isDiary(note, q, last === code);
    if (!printed && !whole && !diary) continue;
    if (whole && q.decimals === 0 && (low < 36 || answersOther(note, q.from))) continue;
    if (nearClass(note, q, "notBody", 2)) continue;
    const reading = read(note.lexicon.observations[observation], q.parts[0], q.decimals);
    if (reading) return { observation, reading };
  }
  return undefined;
}

/** 尿量多少⏎38: the line before asks for a number, and not for a temperature. */
function answersOther({ text, tokens }: Note, from: number): boolean {
  let at = from - 1;
  while (at >= 0 && at > from - 3 && tokens.kind[at] !== Kind.line) at--;
  if (at < 0 || tokens.kind[at] !== Kind.line) return false;
  const end = tokens.start[at];
  const line = text.slice(Math.max(0, end - 16), end);
  const asks = line.slice(line.lastIndexOf("\n") + 1);
  return /多少|几|怎么样/.test(asks) && !/[度温烧热高]/.test(asks);
}

/** 早上38，中午39，第二天38: a whole number right after a time, with nothing after it in its clause but another time. */
function isDiary(note: Note, { from, to }: Quantity, goesOn: boolean): boolean {
  const { text, tokens } = note;
  const before = text.slice(Math.max(0, tokens.start[from] - 3), tokens.start[from]);
  const timed =
    isClass(note, from - 1, "time") ||
    // 9点40 is a time of day, unless temperatures are told.
    (goesOn && termAt(note, from - 1)?.unit?.unit === "{clock}") ||
    /(第.天|[号日]|[早晚夜]|一会儿?|有时候?|时而)$/.test(before);
  if (!timed) return false;
  const after = isClass(note, to, "approx") ? to + 1 : to;
  const ends = after >= tokens.count || endsSentence(note, after) || isComma(note, after);
  return (
    ends ||
    isClass(note, after, "time") ||
    /^(吃|降|今|昨|[早晚中]|一会|有时)/.test(text.slice(tokens.end[after - 1], tokens.end[after - 1] + 2))
  );
}

/** Whether the line is written in Chinese, judged by the characters around. */
export function inHan(note: Note, at: number): boolean {
  const { codes, tokens } = note;
  const from = Math.max(0, tokens.start[at] - 60);
  const to = Math.min(codes.length, tokens.end[at] + 60);
  for (let i = from; i < to; i++) if (isHan(codes[i])) return true;
  return false;
}

function endsLine(note: Note, at: number): boolean {
  for (let i = at; i < at + 4; i++) {
    if (i >= note.tokens.count || note.tokens.kind[i] === Kind.line) return true;
    if (!isClass(note, i, "approx") && !isClass(note, i, "bridge") && note.tokens.kind[i] !== Kind.punctuation)
      return false;
  }
  return false;
}

function unitTerm(note: Note, q: Quantity): ReturnType<typeof termAt> {
  for (let at = q.from + 1; at < q.to; at++) {
    const term = termAt(note, at);
    if (term?.unit && term.alone >= 0) return term;
  }
  return undefined;
}

/** Whether a temperature is of water or of a room: 42°左右的温水. */
export function isNotBody(note: Note, q: Quantity): boolean {
  return nearClass(note, q, "notBody", 2);
}

function nearClass(note: Note, q: Quantity, name: Parameters<typeof isClass>[2], distance: number): boolean {
  // 奶粉的温度⏎四十度: the line before asks.
  const from = note.tokens.kind[q.from - 1] === Kind.line ? q.from - 1 : q.from;
  for (let at = from - 1; at >= from - distance && at >= 0 && !endsSentence(note, at) && !isComma(note, at); at--)
    if (isClass(note, at, name)) return true;
  // 40度左右的水
  for (let at = q.to; at < q.to + 4; at++) {
    if (isClass(note, at, name)) return true;
    if (!isClass(note, at, "approx") && !isClass(note, at, "bridge")) break;
  }
  return false;
}

/** Whether the number is by how much something changed: "an increase of 500 grams", 减轻0.5kg. Not: 增加到12kg. */
export function isChange(note: Note, q: Quantity): boolean {
  for (let at = q.from - 1; at >= q.from - 4 && at >= 0 && !endsSentence(note, at) && !isComma(note, at); at--) {
    // 瘦了一斤，原来18斤: the change has had its number.
    if (isClass(note, at, "rangeLink") || isNumber(note, at)) return false;
    if (isClass(note, at, "weightChange") || isClass(note, at, "perDose")) return true;
  }
  return false;
}

/** A weight that is no change, no load and no part of a dose. */
function isBodyWeight(note: Note, q: Quantity): boolean {
  if (isChange(note, q) || convert(q.parts[0].high, q.unit!.unit, "kg") < leastWeight) return false;
  if (isClass(note, q.to, "perDose") || note.codes[note.tokens.end[q.to - 1]] === 0x2f) return false;
  const told = ["is", "was", "weighs", "now"].includes(termAt(note, q.from - 1)?.spelling ?? "");
  if (told && isClass(note, q.from - 2, "person")) return true;
  const composite = q.to - q.from > 3;
  const person = isClass(note, q.to, "person") || isClass(note, q.to + 1, "person");
  return composite || person || inHan(note, q.from);
}
