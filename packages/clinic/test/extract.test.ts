import assert from "node:assert/strict";
import { test } from "node:test";
import { extract } from "../src/index.ts";
import { chinese, english, shortCodes } from "./cases.ts";
import { sayings } from "./sayings.ts";
import { turns } from "./turns.ts";

/** What was found, in the notation of cases.ts: values to four digits, so that factors of conversion do not matter. */
function found(text: string): string[] {
  const names = Object.fromEntries(Object.entries(shortCodes).map(([name, code]) => [code, name]));
  const digits = (value: number): string => String(Number(value.toPrecision(4)));
  return extract(text)
    .filter(({ value, low }) => value !== undefined || low !== undefined)
    .map(({ code, value, low, high, status }) => {
      const number = value === undefined ? `${digits(low!)}-${digits(high!)}` : digits(value);
      return `${names[code]} ${number} ${status[0]}`;
    });
}

/** The expectation with its numbers to four digits. */
function expected(line: string): string[] {
  if (line === "") return [];
  const digits = (value: string): string => String(Number(Number(value).toPrecision(4)));
  return line.split("; ").map((item) => {
    const [name, number, status] = item.split(" ");
    return `${name} ${number.split("-").map(digits).join("-")} ${status}`;
  });
}

for (const [language, cases] of [
  ["Chinese", chinese],
  ["Chinese, in turns", turns],
  ["English", english],
] as const)
  for (const [text, line] of cases) test(`${language}: ${text}`, () => assert.deepEqual(found(text), expected(line)));

for (const [status, lines] of Object.entries(sayings))
  test(`Chinese sayings, ${status}`, () => {
    const list = lines
      .trim()
      .split(/\n| \| /)
      .map((saying) => saying.replaceAll("⏎", "\n"));
    assert.ok(list.length > 30);
    for (const saying of list) {
      const statuses = new Set(
        extract(saying)
          .filter(({ value, low }) => value !== undefined || low !== undefined)
          .map((item) => item.status),
      );
      assert.deepEqual([...statuses], status === "none" ? [] : [status], saying);
    }
  });
