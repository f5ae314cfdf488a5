/**
 * Chooses the excerpts whose signs of danger are labelled: `npx node bench/parts/red-flag-choice.ts > packages/clinic/labels/signs/choice.json`.
 * Seeded by the hash of each id; reads no label and runs no rule. Each record gives one excerpt at most (a report and its dialogue are one).
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readResearchNotes } from "@baltoro/clinic";

const labels = join(import.meta.dirname, "../../packages/clinic/labels");
const data = join(process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../../shared/data"), "clinic");

/** Stems that a sign of danger is likely to be written with, colloquial ones too; wider than the rules' words. */
const danger =
  /抽|惊厥|癫痫|翻白|紫|发青|绀|乌|凹|喉鸣|喘鸣|呻吟|哼|憋|窒息|呛|喘不|呼吸|气促|鼻翼|嗜睡|昏|迷糊|叫不|萎靡|反应|发蔫|没劲|无力|拒|不吃奶|吃奶少|喝不|都吐|就吐|喷射|休克|冰凉|发凉|湿冷|花纹|发白|苍白|囟|颈|脖子|缺氧|血氧|氧饱和|尿少|无尿|眼窝|脱水|出血点|瘀|急诊|抢救|重症/;
/** Words that stand beside such signs more often than elsewhere. */
const near = /精神|吐|睡|喘|吃奶|喝水|手脚|脸色|面色|发抖|寒战|住院|高烧|39|40/;
const english =
  /letharg|drows|somnol|obtund|respons|conscious|mental status|seiz|convuls|cyano|blue|dusky|retract|grunt|flar|strid|apn|breath|dyspn|distress|hypox|satur|oxygen|vomit|intake|feeding|drink|shock|perfus|pulse|mottl|refill|extremities|stiff|fontanel|weak|syncop|chok|petech|rigid|tachypn|emergency/i;

type Stratum = "danger" | "near" | "any";
interface Excerpt {
  readonly id: string;
  readonly start: number;
  readonly end: number;
}

const hash = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Closed parts of the labels of results: their notes stay unread. */
function closedIds(): Set<string> {
  const ids = new Set<string>();
  for (const part of ["frozen", "test"])
    for (const language of ["english", "chinese"])
      for (const line of readFileSync(join(labels, part, `${language}.jsonl`), "utf8").split("\n"))
        if (line.trim() !== "") ids.add((JSON.parse(line) as { id: string }).id);
  return ids;
}

const rowOf = (id: string): string => id.replace(/^(imcs_reports\/\d+)\/.*/, "$1");

/** Lines of a text by their places, the empty ones left out. */
function linesOf(text: string): { start: number; end: number }[] {
  return [...text.matchAll(/[^\n]+/g)].map(({ index, 0: line }) => ({ start: index, end: index + line.length }));
}

/** Of a dialogue eight lines, the fourth being one that passes; undefined where none does. Which one, the id's hash says. */
function windowOf(id: string, text: string, passes: (line: string) => boolean): Excerpt | undefined {
  const lines = linesOf(text);
  const fit = lines.flatMap(({ start, end }, i) => (passes(text.slice(start, end)) ? [i] : []));
  if (fit.length === 0) return undefined;
  const at = fit[Number.parseInt(hash(`signs-line:${id}`).slice(0, 8), 16) % fit.length];
  return { id, start: lines[Math.max(0, at - 3)].start, end: lines[Math.min(lines.length - 1, at + 4)].end };
}

/** Of an English note one sentence of 20 to 400 characters that passes. */
function sentenceOf(id: string, text: string, passes: (line: string) => boolean): Excerpt | undefined {
  const fit = [...text.matchAll(/[^.;\n]+(?:\.(?=\d)[^.;\n]*)*[.;]?/g)]
    .map(({ index, 0: part }) => ({ start: index + part.length - part.trimStart().length, end: index + part.length }))
    .filter(({ start, end }) => end - start >= 20 && end - start <= 400 && passes(text.slice(start, end)));
  if (fit.length === 0) return undefined;
  return { id, ...fit[Number.parseInt(hash(`signs-line:${id}`).slice(0, 8), 16) % fit.length] };
}

const whole = (id: string, text: string, passes: (line: string) => boolean): Excerpt | undefined =>
  passes(text) ? { id, start: 0, end: text.length } : undefined;

const wanted: readonly {
  readonly source: RegExp;
  readonly cut: typeof whole;
  readonly counts: Readonly<Record<Stratum, number>>;
}[] = [
  { source: /^dxy_self_reports\//, cut: whole, counts: { danger: 30, near: 20, any: 20 } },
  { source: /^imcs_reports\/\d+\/report$/, cut: whole, counts: { danger: 30, near: 20, any: 20 } },
  { source: /^imcs_dialogues\/|\/dialogue$/, cut: windowOf, counts: { danger: 50, near: 30, any: 30 } },
  { source: /^mtsamples_notes\//, cut: sentenceOf, counts: { danger: 65, near: 0, any: 35 } },
];

const notes = readResearchNotes(data);
const used = new Set([...closedIds()].map(rowOf));
const chosen: (Excerpt & { stratum: Stratum; part: "open" | "closed" })[] = [];
const ids = [...notes.keys()].sort((a, b) => (hash(`signs:${a}`) < hash(`signs:${b}`) ? -1 : 1));
for (const { source, cut, counts } of wanted)
  for (const stratum of ["danger", "near", "any"] as const) {
    const stem = source.test("mtsamples_notes/1") ? english : danger;
    const passes = (text: string): boolean =>
      stratum === "any" || (stratum === "danger" ? stem.test(text) : near.test(text) && !stem.test(text));
    let taken = 0;
    for (const id of ids) {
      if (taken === counts[stratum]) break;
      if (!source.test(id) || used.has(rowOf(id))) continue;
      const excerpt = cut(id, notes.get(id) ?? "", passes);
      if (!excerpt) continue;
      used.add(rowOf(id));
      // Alternately, so that every stratum of every source is halved.
      chosen.push({ ...excerpt, stratum, part: taken % 2 === 0 ? "open" : "closed" });
      taken++;
    }
    if (taken < counts[stratum]) console.error(`${source} ${stratum}: ${taken} of ${counts[stratum]}`);
  }
console.log(`[\n${chosen.map((one) => `  ${JSON.stringify(one)}`).join(",\n")}\n]`);
