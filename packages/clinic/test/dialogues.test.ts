/** The reader of real dialogues, on made-up sets: it learns what is there, and sees nothing of what it is judged on. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { classesOf, reportGroups, setTarget } from "../src/baselines/dialogues/classes.ts";
import { prepareCorpus } from "../src/baselines/dialogues/corpus.ts";
import {
  groupOfReport,
  hasResearchSets,
  predictDialogues,
  predictReported,
  readResearchSets,
} from "../src/baselines/dialogues/index.ts";
import { namedDiseases } from "../src/baselines/dialogues/named.ts";
import { poolClasses, poolings, poolRanked, rankedShares, scoreSources } from "../src/baselines/dialogues/pool.ts";
import type { ResearchSets } from "../src/baselines/dialogues/read.ts";
import { readDialogues } from "../src/baselines/dialogues/readings.ts";
import { linearScores, softmax, trainLogistic } from "../src/baselines/logistic.ts";
import { sparseRows } from "../src/baselines/sparse.ts";
import { generator } from "../src/evaluation/random.ts";
import { imcs, labelsFrom, labelsFromDiagnosis } from "../src/examples/index.ts";

/** By label: words that stand in its dialogues, symptoms annotated, what the report says. */
const kinds = [
  {
    label: "小儿支气管肺炎",
    words: ["拍片", "住院", "气促", "输液"],
    symptom: "呼吸急促",
    report: "支气管肺炎。",
    named: 0,
  },
  {
    label: "上呼吸道感染",
    words: ["流涕", "鼻塞", "喷嚏", "嗓子"],
    symptom: "鼻流涕",
    report: "上呼吸道感染。",
    named: 2,
  },
  { label: "小儿支气管炎", words: ["痰鸣", "雾化", "喘息", "夜咳"], symptom: "痰鸣音", report: "支气管炎。", named: 1 },
  { label: "小儿腹泻", words: ["拉稀", "水样", "蒙脱", "补液"], symptom: "腹泻", report: "小儿腹泻。", named: -1 },
] as const;

/** Each text has two words of its own kind and one of another; symptoms and namings are those of its kind. */
function toySets(perKind: number, seed: number): ResearchSets {
  const random = generator(seed);
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)];
  const textOf = ({ words }: (typeof kinds)[number]) =>
    [pick(words), pick(words), pick(pick(kinds).words), pick(["三天", "昨天", "上周"])].join("，");
  const namedOf = ({ named }: (typeof kinds)[number]) => [0, 1, 2, 3, 4, 5].map((c) => (c === named ? 1 : 0));
  const each = <T>(
    count: number,
    from: readonly (typeof kinds)[number][],
    make: (kind: (typeof kinds)[number], i: number) => T,
  ) => Array.from({ length: count * from.length }, (_, i) => make(from[i % from.length], i));
  return {
    dialogues: each(perKind, kinds, (kind, i) => ({
      id: `d${i}`,
      ...{ label: kind.label, labels: labelsFrom(kind.label, imcs), input: { text: textOf(kind), items: [] } },
      ...{ symptoms: { [kind.symptom]: "1" }, named: namedOf(kind) },
    })),
    vectors: each(20, kinds, ({ label, symptom }) => ({ label, symptoms: { [symptom]: "1" } })),
    reported: each(perKind, kinds.slice(1), (kind) => ({
      ...{ text: textOf(kind), diagnosis: kind.report, labels: labelsFromDiagnosis(kind.report), named: namedOf(kind) },
    })),
    selfReports: each(perKind, kinds.slice(0, 2), (kind) => ({
      ...{ input: { text: textOf(kind), items: [] }, labels: labelsFrom(kind.label, imcs) },
    })),
  };
}

test("a label that is a set moves the odds between what it speaks of, and no others", () => {
  // Two features, three classes; the second kind of note says "0 or 1, and 2 was never asked".
  const rows = sparseRows([[[0, 1]], [[1, 1]], [[0, 1]], [[1, 1]]], 2);
  const whole = [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
    [0, 0, 1],
  ];
  const softmaxModel = trainLogistic(rows, whole, { link: "softmax", l2: 0.01 });
  const setsModel = trainLogistic(rows, whole, { link: "sets", l2: 0.01 });
  for (const [k, weight] of softmaxModel.weights.entries()) assert.ok(Math.abs(weight - setsModel.weights[k]) < 1e-3);
  // A note that may be anything that was asked teaches nothing.
  const idle = trainLogistic(sparseRows([[[0, 1]]], 1), [[1, 1, Number.NaN]], { link: "sets", l2: 0.01 });
  assert.ok(idle.weights.every((weight) => Math.abs(weight) < 1e-9));
  const told = trainLogistic(
    sparseRows([[[0, 1]], [[1, 1]]], 2),
    [
      [1, 0, Number.NaN],
      [0, 1, Number.NaN],
    ],
    { link: "sets", l2: 0.01 },
  );
  const [first] = linearScores(told, sparseRows([[[0, 1]]], 2));
  assert.ok(first[0] - first[1] > 1);
  assert.ok(Math.abs(first[2]) < 1e-9, `the third class has moved by ${first[2]}`);
  const half = linearScores(
    trainLogistic(sparseRows([[[0, 1]]], 1), [[1, 1, 0]], { link: "sets", l2: 0.01 }),
    sparseRows([[[0, 1]]], 1),
  )[0];
  assert.ok(softmax(half)[2] < 0.05 && Math.abs(half[0] - half[1]) < 1e-9);
});

test("the group of a report: one that is named without doubt", () => {
  const group = (diagnosis: string) => groupOfReport(diagnosis, labelsFromDiagnosis(diagnosis));
  assert.equal(group("小儿支气管炎。"), "bronchitis");
  assert.equal(group("考虑上呼吸道感染。"), "rti");
  assert.equal(group("消化不良。"), "dyspepsia");
  for (const none of [
    "腹泻待查。",
    "上呼吸道感染，腹泻。",
    "支气管肺炎。",
    "咳嗽待查：支气管炎？肺炎？。",
    "暂缺。",
    "",
  ])
    assert.equal(group(none), undefined, none);
  const classes = classesOf(["上呼吸道感染", "小儿感冒", "小儿支气管炎", "小儿便秘"]);
  const target = setTarget(classes, "rti", reportGroups);
  assert.deepEqual(Object.fromEntries(classes.labels.map((label, c) => [label, target[c]])), {
    上呼吸道感染: 1,
    小儿感冒: 1,
    小儿支气管炎: 0,
    小儿便秘: Number.NaN,
  });
});

test("who names what: the germ is no pneumonia, a mask is no name", () => {
  const said = (speaker: string, text: string) => namedDiseases([{ speaker, text }]);
  assert.deepEqual(said("doctor", "考虑支气管肺炎"), [1, 0, 0, 0, 0, 0]);
  assert.deepEqual(said("patient", "去年得过毛细支气管炎，最近感冒"), [0, 0, 0, 0, 1, 1]);
  assert.deepEqual(said("doctor", "查肺炎支原体抗体"), [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(said("doctor", "考虑█"), [0, 0, 0, 0, 0, 0]);
  assert.deepEqual(said("nurse", "肺炎"), [0, 0, 0, 0, 0, 0]);
});

test("pooled probabilities add to 1, and the order of evidence holds", () => {
  const corpus = prepareCorpus(toySets(8, 1));
  const train = [...corpus.dialogues.slice(8), ...corpus.reported];
  for (const reading of readDialogues(corpus, train, corpus.dialogues.slice(0, 8))) {
    const scores = scoreSources(corpus, reading);
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    const more = { ...scores, pneumonia: { ...scores.pneumonia, named: scores.pneumonia.named + 1 } };
    for (const pooling of Object.values(poolings)) {
      const before = poolRanked(scores, pooling);
      for (const shares of [before, poolClasses(reading, pooling), rankedShares(corpus.classes, reading.ngrams)])
        assert.ok(Math.abs(sum(shares) - 1) < 1e-9 && shares.every((share) => share >= 0));
      const after = poolRanked(more, pooling);
      assert.ok(after[0] > before[0] && after[2] < before[2]);
    }
  }
});

test("nothing of the dialogues that are judged is seen but their masked text", () => {
  const sets = toySets(8, 2);
  const judged = new Set([0, 5, 10, 15, 20]);
  const altered: ResearchSets = {
    ...sets,
    dialogues: sets.dialogues.map((dialogue, i) =>
      judged.has(i)
        ? {
            ...dialogue,
            ...{ label: "小儿腹泻", labels: [0, 0, 0, undefined], symptoms: { 腹泻: "1" }, named: [1, 1, 1, 1, 1, 1] },
          }
        : dialogue,
    ),
  };
  const [one, other] = [sets, altered].map((each) => {
    const corpus = prepareCorpus(each);
    const train = [...corpus.dialogues.filter((i) => !judged.has(i)), ...corpus.reported];
    return readDialogues(corpus, train, [...judged]);
  });
  assert.deepEqual(one, other);
  // And what is trained on is seen: the same change there changes the readings.
  const corpus = prepareCorpus(altered);
  const rest = [...corpus.dialogues.filter((i) => i !== 1), ...corpus.reported];
  assert.notDeepEqual(readDialogues(corpus, rest, [1]), readDialogues(prepareCorpus(sets), rest, [1]));
});

test("every source learns its kind of toy dialogue, in either direction", () => {
  const sets = toySets(15, 3);
  const { classes, pool, secondPool, baseline, moreText, symptoms, folds } = predictDialogues(sets, { folds: 3 });
  assert.deepEqual([...new Set(folds)].sort(), [0, 1, 2]);
  const hits = (rows: readonly number[][]) =>
    sets.dialogues.filter(({ label }, i) => classes[rows[i].indexOf(Math.max(...rows[i]))] === label).length;
  // A text of two words of its kind in three, and a quarter by chance.
  for (const { tenClass } of [pool, secondPool, baseline, moreText, symptoms])
    assert.ok(hits(tenClass) > 42, String(hits(tenClass)));
  const turned = predictReported(sets, { folds: 3 });
  const bronchitis = sets.reported.map(({ labels }) => labels[2]);
  const shares = turned.pool.threeClass.filter((_, i) => sets.reported[i].labels[1] === 1 || bronchitis[i] === 1);
  assert.ok(shares.length === 30);
  const right = turned.pool.threeClass.filter((row, i) =>
    bronchitis[i] === 1 ? row[2] > row[1] : sets.reported[i].labels[1] === 1 && row[1] > row[2],
  ).length;
  assert.ok(right > 22, String(right));
  assert.deepEqual(predictDialogues(sets, { folds: 3 }).pool, pool);
});

test("a dialogue of a class that no other case has is told", () => {
  const sets = toySets(3, 4);
  const strange = { ...sets, dialogues: [{ ...sets.dialogues[0], label: "水痘" }, ...sets.dialogues] };
  assert.throws(() => prepareCorpus(strange), /dialogue d0 has the label 水痘/);
});

const data = join(process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../../../shared/data"), "clinic");
const absent = hasResearchSets(data) ? false : `${data} is absent`;

test("the real sets are read whole, masked, with what speakers named beside them", { skip: absent }, () => {
  const { dialogues, vectors, reported, selfReports } = readResearchSets(data);
  assert.deepEqual(
    [dialogues, vectors, reported, selfReports].map(({ length }) => length),
    [833, 2472, 858, 423],
  );
  for (const text of [...dialogues.map(({ input }) => input.text), ...reported.map(({ text }) => text)])
    assert.doesNotMatch(text, /肺炎|支气管炎|感冒/);
  const share = (rows: readonly { readonly named: readonly number[] }[]) =>
    rows.filter(({ named }) => named[0] === 1).length / rows.length;
  for (const rows of [dialogues, reported]) assert.ok(share(rows) > 0.05 && share(rows) < 0.3, String(share(rows)));
});
