/** From a note to an assessment, with a small model trained here on notes of the test's own. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { createNormalizer } from "../src/extract/normalize.ts";
import {
  assessorOf,
  type DiagnosisModel,
  diseases,
  type Example,
  explain,
  extract,
  fitProfile,
  type Item,
  type ModelInput,
  maxNoteLength,
  toModelInput,
  unitsOf,
  without,
} from "../src/index.ts";

/** Words, and the log-odds that each adds to the four diseases: a model whose evidence can be known exactly. */
const words: readonly (readonly [string, readonly number[]])[] = [
  ["湿啰音", [3, -1, 0, -1]],
  ["高热", [1, 0, 0, -0.5]],
  ["流涕", [-1, 2, 0, 0]],
  ["咳嗽", [0.5, 0.2, 1, 0.3]],
  ["哮鸣音", [-0.5, -1, 0, 3]],
  ["wheeze", [-0.5, -1, 0, 3]],
  ["crackles", [3, -1, 0, -1]],
];

/** Adds up its words; CRP above 40 adds to pneumonia. */
const additive: DiagnosisModel = {
  name: "words",
  async predict(inputs) {
    return inputs.map(({ text, items }) => {
      const crp = items.find(({ code }) => code === "1988-5")?.value ?? 0;
      const sums = [-1 + (crp > 40 ? 1.5 : 0), 0, -1, -2];
      for (const [word, weights] of words) if (text.includes(word)) for (const c of sums.keys()) sums[c] += weights[c];
      return sums.map((z) => 1 / (1 + Math.exp(-z)));
    });
  },
};

const identity = { name: "words", version: "0", hash: "0".repeat(64), training: "local" } as const;
const note = "患儿，3岁，咳嗽5天，高热2天，无流涕。查体：R 46次/分，双肺可闻及湿啰音。CRP 60mg/L。";
const normalize = createNormalizer("");

test("a note in scope gives values, flags, a ranking and its evidence", async () => {
  const assessor = assessorOf({ model: additive, identity });
  const result = await assessor.assess(note);
  assert.equal(result.note.sha256, createHash("sha256").update(note).digest("hex"));
  assert.equal(result.note.language, "zh");
  assert.deepEqual([result.patient.ageMonths, result.scope.inside], [36, true]);
  assert.deepEqual(
    result.redFlags.map(({ code }) => code),
    ["fast-breathing"],
  );
  assert.deepEqual(result.differential.map(({ disease }) => disease).toSorted(), [...diseases].toSorted());
  const [first] = result.differential;
  assert.equal(first.disease, "pneumonia");
  assert.deepEqual(first.for.map(({ kind }) => kind).toSorted(), ["text", "text", "text", "value"]);
  assert.ok(first.for[0].text.includes("湿啰音"));
  assert.ok(Math.abs(first.for[0].weight - 3) < 1e-9);
  const crp = first.for.find(({ kind }) => kind === "value");
  assert.equal(result.items[crp!.item!].code, "1988-5");
  assert.ok(Math.abs(crp!.weight - 1.5) < 1e-9);
  assert.deepEqual(
    first.against.map(({ text }) => text),
    ["无流涕"],
  );
  for (const { for: pro, against } of result.differential)
    for (const span of [...pro, ...against]) assert.equal(span.text, note.slice(span.start, span.end));
});

test("outside the scope there is no ranking, and red flags all the same", async () => {
  const assessor = assessorOf({ model: additive, identity });
  const adult = await assessor.assess("患者，45岁，咳嗽，口唇发绀。");
  assert.deepEqual([adult.scope.inside, adult.scope.reasons, adult.differential.length], [false, ["adult"], 0]);
  assert.deepEqual(
    adult.redFlags.map(({ code }) => code),
    ["cyanosis"],
  );
  const given = await assessor.assess("咳嗽2天。", { ageMonths: 8 });
  assert.equal(given.scope.inside, true);
  assert.deepEqual((await assessor.assess("咳嗽2天。")).scope.reasons, ["age-unknown"]);
});

test("values that come beside the note are kept as they are, and count", async () => {
  const beside: Item = { code: "1988-5", value: 80, unit: "mg/L", text: "", start: 0, end: 0, status: "current" };
  const text = "3岁，咳嗽2天。";
  const assessor = assessorOf({ model: additive, identity });
  const [without_, with_] = [await assessor.assess(text), await assessor.assess(text, { items: [beside] })];
  const of = ({ differential }: typeof with_) => differential.find(({ disease }) => disease === "pneumonia")!;
  assert.ok(of(with_).probability > of(without_).probability);
  assert.deepEqual(with_.items.at(-1), beside);
  assert.ok(of(with_).for.some(({ item, text: quoted }) => item === with_.items.length - 1 && quoted === ""));
});

test("a note over the limit is refused without a word of it", async () => {
  const assessor = assessorOf({ model: additive, identity });
  await assert.rejects(
    assessor.assess("密".repeat(maxNoteLength + 1)),
    (error: Error) => !error.message.includes("密"),
  );
});

test("a disease that the model does not know is not ranked", async () => {
  const three: DiagnosisModel = {
    name: "three",
    predict: async (inputs) => (await additive.predict(inputs)).map((row) => [...row.slice(0, 3), Number.NaN]),
  };
  const { differential } = await assessorOf({ model: three, identity }).assess(note);
  assert.deepEqual(differential.map(({ disease }) => disease).toSorted(), ["bronchitis", "pneumonia", "rti"]);
});

test("evidence found group by group is what deletion of every unit finds", async () => {
  const long = `3岁，${"精神可，".repeat(60)}咳嗽，${"睡眠可，".repeat(60)}双肺湿啰音。`;
  const input = toModelInput(long);
  const units = unitsOf(normalize(long), input.items);
  const { for: found } = await explain(additive, input, units, long);
  assert.ok(found[0].some(({ text }) => text.includes("湿啰音")));
});

test("units cover what is written, do not overlap, and hold every item", () => {
  const piece = fc.constantFrom(
    "咳嗽",
    "，",
    "。",
    "T 38.5℃",
    " ",
    "\n",
    "WBC 12.3×10^9/L",
    "1,200",
    "a",
    "CRP 5",
    "3岁",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 80 }), (pieces) => {
      const text = pieces.join("");
      const items = extract(text);
      const units = unitsOf(normalize(text), items);
      let last = 0;
      for (const { start, end } of units) {
        assert.ok(start >= last && end > start);
        last = end;
      }
      const covered = units.map(({ start, end }) => text.slice(start, end)).join("");
      for (const word of ["咳嗽", "a"]) assert.equal(covered.split(word).length, text.split(word).length);
      assert.deepEqual(
        units.flatMap((unit) => unit.items).toSorted((a, b) => a - b),
        [...items.keys()],
      );
    }),
    { seed: 3, numRuns: 300 },
  );
});

test("a note without a unit has the rest, moved up", () => {
  const text = "3岁，T 38.5℃，WBC 12.3×10^9/L。";
  const input: ModelInput = { text, items: extract(text) };
  const units = unitsOf(normalize(text), input.items);
  const fever = units.find(({ items }) => items.some((i) => input.items[i].code === "8310-5"))!;
  const left = without(input, [fever]);
  assert.ok(!left.text.includes("38.5"));
  for (const item of left.items) assert.equal(left.text.slice(item.start, item.end), item.text);
  assert.equal(left.items.length, input.items.length - 1);
});

/** Validation notes whose labels follow their probabilities. */
function drawn(count: number): { examples: Example[]; probabilities: number[][] } {
  let state = 9;
  const random = (): number => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const probabilities = Array.from({ length: count }, () => diseases.map(() => random()));
  const examples = probabilities.map(
    (row, n): Example => ({
      ...{ id: `${n}`, input: { text: "咳嗽，流涕，发热", items: [] }, ageMonths: 30 },
      labels: row.map((p) => (random() < p ? 1 : 0)),
    }),
  );
  return { examples, probabilities };
}

test("a profile's intervals hold the true share, its sets their coverage, its thresholds lower risk", () => {
  const { examples, probabilities } = drawn(2000);
  const profile = fitProfile({ train: [], validation: examples, probabilities });
  for (const disease of diseases) {
    const { low, high, conformal } = profile.diseases[disease]!;
    const inside = low.filter((value, g) => value <= g / 50 && g / 50 <= high[g]).length;
    assert.ok(inside >= 38, `${disease}: ${inside} of 51 intervals hold the share`);
    for (const bounds of [low, high])
      assert.ok(
        bounds.every((bound, g) => g === 0 || bound >= bounds[g - 1]),
        `${disease}: an interval lies below that of a lower probability`,
      );
    assert.ok(conformal.threshold > 0.1 && conformal.threshold < 0.6);
  }
  const { risk, riskOfAll, coverage } = profile.abstention!;
  assert.ok(risk < riskOfAll && coverage >= 0.75 && coverage < 1);
  assert.throws(() => fitProfile({ train: [], validation: examples, probabilities: [] }), RangeError);
});

test("with a profile a note is abstained from where the model is unsure or the note is poor", async () => {
  const { examples, probabilities } = drawn(2000);
  const profile = fitProfile({ train: [], validation: examples, probabilities });
  const flat: DiagnosisModel = { name: "flat", predict: async (inputs) => inputs.map(() => [0.5, 0.5, 0.5, 0.5]) };
  const unsure = await assessorOf({ model: flat, identity, profile }).assess(note);
  assert.equal(unsure.abstention?.reason, "uncertain");
  const sure: DiagnosisModel = { name: "sure", predict: async (inputs) => inputs.map(() => [0.97, 0.02, 0.01, 0.02]) };
  const answered = await assessorOf({ model: sure, identity, profile }).assess(note);
  assert.equal(answered.abstention, undefined);
  assert.deepEqual(
    answered.differential.map(({ plausible }) => plausible),
    [true, false, false, false],
  );
});

const hostile = [
  "咳嗽，",
  "无",
  "如果",
  "CRP 5 ",
  "1,",
  "有没有抽搐？",
  "嗜睡",
  "(-)",
  "\ud800",
  "\n",
  "等",
  "<script>",
  "CRT >",
  "{",
  "史",
  "no ",
  "PMH:",
  "吗",
];

test("any text is assessed, and its spans are in it", { timeout: 120_000 }, async () => {
  const assessor = assessorOf({ model: additive, identity });
  const texts = fc.array(fc.oneof(fc.constantFrom(...hostile), fc.string({ unit: "binary" })), { maxLength: 50 });
  await fc.assert(
    fc.asyncProperty(texts, async (pieces) => {
      const text = pieces.join("");
      const result = await assessor.assess(text, { ageMonths: 20 });
      const evidence = result.differential.flatMap((candidate) => [...candidate.for, ...candidate.against]);
      const spans = [...result.redFlags.flatMap(({ spans: own }) => own), ...evidence];
      for (const span of spans) assert.equal(span.text, text.slice(span.start, span.end));
    }),
    { seed: 4, numRuns: 400 },
  );
});

test("time in proportion to the note, whatever is in it", { timeout: 240_000 }, async () => {
  const assessor = assessorOf({ model: additive, identity });
  const cost = async (text: string): Promise<number> => {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const before = process.cpuUsage();
      await assessor.assess(text, { ageMonths: 20 });
      const { user, system } = process.cpuUsage(before);
      times.push((user + system) / 1000);
    }
    return Math.min(...times);
  };
  for (const piece of [...hostile, "咳嗽无", "无咳，", "咳嗽等", "三凹征 "]) {
    const of = (length: number): string => piece.repeat(Math.floor(length / piece.length)).slice(0, maxNoteLength);
    const [small, large] = [await cost(of(25_000)), await cost(of(100_000))];
    assert.ok(large < 9 * Math.max(small, 20), `${JSON.stringify(piece)}: ${small} ms, then ${large} ms`);
  }
});
