import type { Language } from "../../diagnosis/index.ts";
import type { Random } from "../model/index.ts";

/** Characters that are typed for others by pronunciation or shape. */
const slips: readonly (readonly [string, string])[] = [
  ...([
    ["咳嗽", "咳漱"],
    ["发热", "发热热"],
    ["体温", "休温"],
    ["喘息", "喘吸"],
    ["流涕", "流啼"],
    ["咽部", "烟部"],
  ] as const),
  ...([
    ["呼吸", "呼息"],
    ["食欲", "食俗"],
    ["未见", "末见"],
    ["双肺", "双肺肺"],
    ["患儿", "患几"],
    ["腹泻", "腹写"],
  ] as const),
  ...([
    ["伴", "拌"],
    ["精神", "精伸"],
    ["明显", "名显"],
    ["予以", "于以"],
    ["白细胞", "白细包"],
    ["抗体", "抗休"],
  ] as const),
];

/** Typing errors in a part of the notes, and full-width digits in a few: never in a number's value. */
export function addNoise(random: Random, text: string, language: Language): string {
  let out = text;
  if (random.chance(0.22))
    for (let n = random.integer(1, 3); n > 0; n--) out = language === "zh" ? slip(random, out) : mistype(random, out);
  if (language === "zh" && random.chance(0.04))
    out = out.replace(/[0-9.%]/g, (c) => String.fromCharCode(c.charCodeAt(0) + 0xfee0));
  return out;
}

function slip(random: Random, text: string): string {
  if (random.chance(0.3)) {
    // A mark of punctuation goes missing, or becomes another.
    const marks = [...text.matchAll(/[，、；]/g)];
    if (marks.length === 0) return text;
    const { index } = random.pick(marks);
    return text.slice(0, index) + random.pick(["", " ", ",", "。"]) + text.slice(index + 1);
  }
  const [right, wrong] = random.pick(slips);
  const at = text.indexOf(right);
  return at < 0 ? text : text.slice(0, at) + wrong + text.slice(at + right.length);
}

function mistype(random: Random, text: string): string {
  const words = [...text.matchAll(/\b[a-z]{5,}\b/g)];
  if (words.length === 0) return text;
  const { index, 0: word } = random.pick(words);
  const at = random.integer(1, word.length - 2);
  const kind = random.integer(0, 2);
  const typed =
    kind === 0
      ? word.slice(0, at) + word[at + 1] + word[at] + word.slice(at + 2)
      : kind === 1
        ? word.slice(0, at) + word.slice(at + 1)
        : word.slice(0, at) + word[at] + word.slice(at);
  return text.slice(0, index) + typed + text.slice(index + word.length);
}
