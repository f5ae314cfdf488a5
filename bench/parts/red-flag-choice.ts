/**
 * Chooses the excerpts whose signs of danger are labelled: `npx node bench/parts/red-flag-choice.ts > packages/clinic/labels/signs/choice.json`.
 * Seeded by the hash of each id; reads no label and runs no rule. Each record gives one excerpt at most (a report and its dialogue are one; of an English note draw 2
 * may take a second sentence).
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

/** Draw 2: stems that mean little else, since draw 1 held few signs. */
const sign =
  /抽搐|抽动|抽筋|抽了|惊厥|惊跳|癫痫|翻白|上翻|紫|发青|绀|凹|喉鸣|呻吟|哼哼|憋|窒息|呛到|喘不|喘气|呼吸困难|呼吸急|呼吸快|呼吸有点|气促|鼻翼|嗜睡|昏睡|昏昏|迷糊|叫不醒|萎靡|反应差|反应迟|蔫|没精神|精神不好|精神差|没劲|无力|拒奶|不吃奶|喝不进|都吐|就吐|休克|冰凉|发凉|很凉|花纹|苍白|发白|囟|脖子硬|缺氧|血氧|尿少|无尿|没尿|眼窝|脱水|出血点/;
const englishSign =
  /letharg|drows|obtund|unrespons|unconscious|mental status|seiz|convuls|cyano|blue|dusky|retraction|grunt|flaring|stridor|apnea|apneic|shortness of breath|dyspnea|difficulty breathing|respiratory (?:distress|failure)|hypox|desat|shock|syncop|chok|petech|neck stiff|fontanel|intake|keep.{1,10}down|vomit/i;

type Stratum = "danger" | "near" | "any" | "sign" | "told";
/** Lines of dialogues that a parent says. */
const told = new Set<string>();
for (const file of ["imcs_dialogues", "imcs_reports"])
  for (const line of readFileSync(join(data, `${file}.jsonl`), "utf8").split("\n")) {
    if (line.trim() === "") continue;
    const { utterances } = JSON.parse(line) as { utterances: { speaker: string; text: string }[] };
    for (const { speaker, text } of utterances) if (speaker === "patient") told.add(text);
  }

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
  readonly counts: Readonly<Partial<Record<Stratum, number>>>;
  readonly part?: "fresh";
}[] = [
  { source: /^dxy_self_reports\//, cut: whole, counts: { danger: 30, near: 20, any: 20 } },
  { source: /^imcs_reports\/\d+\/report$/, cut: whole, counts: { danger: 30, near: 20, any: 20 } },
  { source: /^imcs_dialogues\/|\/dialogue$/, cut: windowOf, counts: { danger: 50, near: 30, any: 30 } },
  { source: /^mtsamples_notes\//, cut: sentenceOf, counts: { danger: 65, any: 35 } },
  { source: /^dxy_self_reports\//, cut: whole, counts: { sign: 30 } },
  { source: /^imcs_reports\/\d+\/report$/, cut: whole, counts: { sign: 20 } },
  { source: /^imcs_dialogues\/|\/dialogue$/, cut: windowOf, counts: { told: 80, sign: 20 } },
  { source: /^mtsamples_notes\//, cut: sentenceOf, counts: { sign: 50 } },
  // Draw 3, all of it closed: made after the closed half was measured and opened.
  { source: /^dxy_self_reports\//, cut: whole, counts: { sign: 40 }, part: "fresh" },
  { source: /^imcs_reports\/\d+\/report$/, cut: whole, counts: { sign: 20 }, part: "fresh" },
  { source: /^imcs_dialogues\/|\/dialogue$/, cut: windowOf, counts: { told: 90, sign: 20 }, part: "fresh" },
  { source: /^mtsamples_notes\//, cut: sentenceOf, counts: { sign: 40 }, part: "fresh" },
];

const notes = readResearchNotes(data);
const closed = new Set([...closedIds()].map(rowOf));
const used = new Set(closed);
const chosen: (Excerpt & { stratum: Stratum; part: "open" | "closed" | "fresh" })[] = [];
const ids = [...notes.keys()].sort((a, b) => (hash(`signs:${a}`) < hash(`signs:${b}`) ? -1 : 1));
for (const { source, cut, counts, part } of wanted)
  for (const [stratum, count] of Object.entries(counts) as [Stratum, number][]) {
    const isEnglish = source.test("mtsamples_notes/1");
    const stem = isEnglish ? english : danger;
    const narrow = isEnglish ? englishSign : sign;
    const kinds: Readonly<Record<Stratum, (text: string) => boolean>> = {
      any: () => true,
      danger: (text) => stem.test(text),
      near: (text) => near.test(text) && !stem.test(text),
      sign: (text) => narrow.test(text),
      told: (text) => narrow.test(text) && told.has(text),
    };
    let taken = 0;
    for (const id of ids) {
      if (taken === count) break;
      // English records are few: draw 2 may cut another sentence of one.
      if (!source.test(id) || (used.has(rowOf(id)) && !(isEnglish && stratum === "sign"))) continue;
      const excerpt = cut(id, notes.get(id) ?? "", kinds[stratum]);
      if (!excerpt || closed.has(rowOf(id)) || chosen.some((other) => other.id === id && other.start === excerpt.start))
        continue;
      used.add(rowOf(id));
      // Alternately, so that every stratum of every source is halved.
      chosen.push({ ...excerpt, stratum, part: part ?? (taken % 2 === 0 ? "open" : "closed") });
      taken++;
    }
    if (taken < count) console.error(`${source} ${stratum}: ${taken} of ${count}`);
  }
console.log(`[\n${chosen.map((one) => `  ${JSON.stringify(one)}`).join(",\n")}\n]`);
