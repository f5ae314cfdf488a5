import type { Assessment, Candidate, Disease, Evidence, Item, MissingTest, RedFlag, Span } from "@baltoro/clinic";
import { examples } from "../src/assistant/examples.ts";

/** Assessments written by hand, as a server would give them for these notes. */
export const notes = { pneumonia: examples[0].text, asthma: examples[1].text, infant: examples[2].text };

const hash = "4f0a9c2be1d7836655aa01c4d9be77f2038cc1a6e5d49b0f7a3126d8c0b5e911";
const icd10: Readonly<Record<Disease, string>> = {
  pneumonia: "J18.9",
  rti: "J06.9",
  bronchitis: "J20.9",
  asthma: "J45.9",
};

/** Where words stand in a note; the n-th time that they do. */
export function span(note: string, words: string, nth = 0): Span {
  let start = -1;
  for (let i = 0; i <= nth; i++) start = note.indexOf(words, start + 1);
  if (start === -1) throw new Error(`${JSON.stringify(words)} is not in the note`);
  return { start, end: start + words.length, text: words };
}

type ItemDetails = Partial<Omit<Item, "code" | "unit" | "text" | "start" | "end">>;

function item(note: string, words: string, code: string, unit: string, details: ItemDetails, nth = 0): Item {
  return { code, unit, status: "current", certainty: "stated", ...span(note, words, nth), ...details };
}

function evidence(note: string, words: string, weight: number, index?: number): Evidence {
  return {
    kind: index === undefined ? "text" : "value",
    weight,
    ...span(note, words),
    ...(index === undefined ? {} : { item: index }),
  };
}

type Sides = Partial<Pick<Candidate, "for" | "against">>;

function candidate(
  disease: Disease,
  probability: number,
  low: number,
  high: number,
  plausible: boolean,
  sides: Sides = {},
): Candidate {
  return { disease, icd10: icd10[disease], probability, low, high, plausible, for: [], against: [], ...sides };
}

function test(code: string, zh: string, en: string, gain: number, change: readonly number[]): MissingTest {
  const [pneumonia, rti, bronchitis, asthma] = change;
  return { code, display: { zh, en }, gain, change: { pneumonia, rti, bronchitis, asthma } };
}

const notices = [
  {
    en: "Candidates for a clinician to weigh, not a diagnosis. The decision is yours.",
    zh: "供临床医师权衡的候选，不是诊断。由您作出决定。",
  },
  {
    en: "The model was trained on synthetic notes only; its probabilities have not been validated on patients.",
    zh: "模型仅以合成病历训练，其概率未经真实患者验证。",
  },
];

function assessment(text: string, language: "zh" | "en", parts: Partial<Assessment>): Assessment {
  return {
    schema: "baltoro.assessment/1",
    model: { name: "clinic-fusion", version: "0.1.0", hash, training: "synthetic" },
    note: { sha256: hash.split("").reverse().join(""), characters: text.length, language },
    patient: {},
    scope: { inside: true, reasons: [] },
    redFlags: [],
    items: [],
    differential: [],
    missing: [],
    notices,
    ...parts,
  };
}

const missing = [
  test("30341-2", "血沉", "ESR", 0.14, [0.06, 0.04, 0.05, 0.01]),
  test("713-8", "嗜酸性粒细胞百分比", "Eosinophils %", 0.09, [0.01, 0.01, 0.02, 0.05]),
  test("respiratory-syncytial-virus", "呼吸道合胞病毒抗原", "RSV antigen", 0.05, [0.02, 0.03, 0.03, 0.004]),
];

const p = notes.pneumonia;
const fastBreathing: RedFlag = {
  code: "fast-breathing",
  severity: "urgent",
  message: { en: "Fast breathing for the age: 46 /min, limit 40", zh: "呼吸增快：46次/分，该年龄界值40" },
  source: "WHO 2014, pneumonia in children",
  spans: [span(p, "R 46次/分")],
};

export const pneumonia = assessment(p, "zh", {
  patient: { ageMonths: 38 },
  redFlags: [fastBreathing],
  items: [
    item(p, "3岁2月", "30525-0", "mo", { value: 38 }),
    item(p, "39.6℃", "8310-5", "Cel", { value: 39.6, flag: "H", time: "3天前" }),
    item(p, "37.8℃", "8310-5", "Cel", { value: 37.8, flag: "H" }),
    item(p, "39.1℃", "8310-5", "Cel", { value: 39.1, flag: "H" }),
    item(p, "138次/分", "8867-4", "/min", { value: 138, flag: "H" }),
    item(p, "46次/分", "9279-1", "/min", { value: 46, flag: "H" }),
    item(p, "94%", "59408-5", "%", { value: 94, flag: "N" }),
    item(p, "14.5kg", "29463-7", "kg", { value: 14.5 }),
    item(p, "15.8×10^9/L", "6690-2", "10*9/L", { value: 15.8, flag: "H" }),
    item(p, "78.4%", "770-8", "%", { value: 78.4, flag: "H" }),
    item(p, "16.2%", "736-9", "%", { value: 16.2, flag: "N" }),
    item(p, "118g/L", "718-7", "g/L", { value: 118, flag: "N" }),
    item(p, "356×10^9/L", "777-3", "10*9/L", { value: 356, flag: "N" }),
    item(p, "48mg/L", "1988-5", "mg/L", { value: 48, flag: "H" }),
    item(p, "0.62ng/mL", "33959-8", "ng/mL", { value: 0.62, flag: "H" }),
    item(p, "肺炎支原体IgM阴性", "mycoplasma-pneumoniae", "", { result: "negative" }),
    item(p, "甲流抗原阴性", "80382-5", "", { result: "negative" }),
    item(p, "胸片：右下肺斑片状影", "36643-5", "", { result: "右下肺斑片状影" }),
  ],
  differential: [
    candidate("pneumonia", 0.83, 0.74, 0.89, true, {
      for: [
        evidence(p, "右下肺可闻及固定细湿啰音", 1.92),
        evidence(p, "胸片：右下肺斑片状影", 1.44, 17),
        evidence(p, "CRP 48mg/L", 0.71, 13),
        evidence(p, "R 46次/分", 0.38, 5),
      ],
      against: [evidence(p, "无喘息", -0.12), evidence(p, "肺炎支原体IgM阴性", -0.21, 15)],
    }),
    candidate("bronchitis", 0.22, 0.15, 0.31, true, {
      for: [evidence(p, "后有痰，不易咳出", 0.55)],
      against: [evidence(p, "右下肺可闻及固定细湿啰音", -0.94), evidence(p, "胸片：右下肺斑片状影", -0.8, 17)],
    }),
    candidate("rti", 0.17, 0.11, 0.25, true, {
      for: [evidence(p, "咽充血，双侧扁桃体Ⅰ度肿大", 0.9)],
      against: [evidence(p, "CRP 48mg/L", -0.4, 13)],
    }),
    candidate("asthma", 0.03, 0.01, 0.07, false, {
      for: [],
      against: [evidence(p, "未闻及哮鸣音", -1.1), evidence(p, "无喘息史", -0.6)],
    }),
  ],
  missing,
});

const a = notes.asthma;
export const asthma = assessment(a, "en", {
  patient: { ageMonths: 84 },
  items: [
    item(a, "7-year-old", "30525-0", "mo", { value: 84 }),
    item(a, "37.1 C", "8310-5", "Cel", { value: 37.1, flag: "N" }),
    item(a, "HR 122", "8867-4", "/min", { value: 122, flag: "H" }),
    item(a, "RR 30", "9279-1", "/min", { value: 30, flag: "H" }),
    item(a, "93%", "59408-5", "%", { value: 93, flag: "N" }),
    item(a, "97%", "59408-5", "%", { value: 97, flag: "N" }),
    item(a, "24 kg", "29463-7", "kg", { value: 24 }),
    item(a, "8.9 x10^9/L", "6690-2", "10*9/L", { value: 8.9, flag: "N" }),
    item(a, "52%", "770-8", "%", { value: 52, flag: "N" }),
    item(a, "34%", "736-9", "%", { value: 34, flag: "N" }),
    item(a, "8.1%", "713-8", "%", { value: 8.1 }),
    item(a, "<5 mg/L", "1988-5", "mg/L", { value: 5, comparator: "<", flag: "N" }),
    item(a, "Influenza A antigen negative", "80382-5", "", { result: "negative" }),
    item(a, "Diffuse expiratory wheeze on both sides", "auscultation", "", { result: "wheeze" }),
  ],
  differential: [
    candidate("asthma", 0.71, 0.6, 0.8, true, {
      for: [
        evidence(a, "Three similar episodes in the past year, each better within an hour of salbutamol", 1.61),
        evidence(a, "Diffuse expiratory wheeze on both sides", 1.2, 13),
        evidence(a, "eosinophils 8.1%", 0.52, 10),
      ],
      against: [evidence(a, "Throat normal", -0.05)],
    }),
    candidate("bronchitis", 0.28, 0.2, 0.39, true, {
      for: [evidence(a, "cough and wheeze since Tuesday", 0.4)],
      against: [evidence(a, "No fever at home", -0.2)],
    }),
    candidate("rti", 0.14, 0.08, 0.2, false, { against: [evidence(a, "Throat normal", -0.5)] }),
    candidate("pneumonia", 0.06, 0.03, 0.12, false, {
      against: [evidence(a, "no crackles", -1.3), evidence(a, "CRP <5 mg/L", -0.9, 11)],
    }),
  ],
  missing: [test("36643-5", "胸片", "Chest X-ray", 0.31, [0.11, 0.03, 0.08, 0.06]), ...missing.slice(0, 1)],
});

const i = notes.infant;
const flag = (code: string, severity: RedFlag["severity"], en: string, zh: string, words: string): RedFlag => {
  const source = "WHO Pocket book of hospital care for children, 2013";
  return { code, severity, message: { en, zh }, source, spans: [span(i, words)] };
};

export const infant = assessment(i, "zh", {
  patient: { ageMonths: 8 },
  redFlags: [
    flag("spo2-low", "emergency", "SpO₂ 90 % or lower on room air", "未吸氧血氧饱和度≤90%", "血氧饱和度90%（未吸氧）"),
    flag("not-feeding", "emergency", "Cannot drink or feed", "拒奶", "今晨拒奶"),
    flag(
      "fast-breathing",
      "urgent",
      "Fast breathing for the age: 64 /min, limit 50",
      "呼吸增快：64次/分，该年龄界值50",
      "呼吸64次/分",
    ),
    flag("chest-indrawing", "urgent", "Chest indrawing", "胸壁凹陷", "可见三凹征"),
  ],
  items: [
    item(i, "8月龄", "30525-0", "mo", { value: 8 }),
    item(i, "38.2℃", "8310-5", "Cel", { value: 38.2, flag: "H" }),
    item(i, "38.0℃", "8310-5", "Cel", { value: 38, flag: "H" }),
    item(i, "168次/分", "8867-4", "/min", { value: 168, flag: "N" }),
    item(i, "呼吸64次/分", "9279-1", "/min", { value: 64, flag: "H" }),
    item(i, "90%", "59408-5", "%", { value: 90, flag: "L" }),
    item(i, "9.6×10^9/L", "6690-2", "10*9/L", { value: 9.6, flag: "N" }),
    item(i, "31%", "770-8", "%", { value: 31, flag: "N" }),
    item(i, "60%", "736-9", "%", { value: 60, flag: "N" }),
    item(i, "112g/L", "718-7", "g/L", { value: 112, flag: "N" }),
    item(i, "6mg/L", "1988-5", "mg/L", { value: 6, flag: "N" }),
    item(i, "呼吸道合胞病毒抗原阳性", "respiratory-syncytial-virus", "", { result: "positive" }),
  ],
  abstention: {
    reason: "uncertain",
    message: {
      en: "No disease stands out: two candidates are about as probable.",
      zh: "没有突出的候选：两种疾病的概率相近。",
    },
  },
  differential: [
    candidate("bronchitis", 0.48, 0.37, 0.6, true, {
      for: [evidence(i, "双肺满布哮鸣音", 0.8)],
      against: [evidence(i, "肺底少许细湿啰音", -0.3)],
    }),
    candidate("pneumonia", 0.44, 0.33, 0.55, true, {
      for: [evidence(i, "肺底少许细湿啰音", 0.9)],
      against: [evidence(i, "C反应蛋白6mg/L", -0.6, 10)],
    }),
    candidate("asthma", 0.19, 0.12, 0.28, true, { for: [evidence(i, "双肺满布哮鸣音", 0.7)] }),
    candidate("rti", 0.12, 0.07, 0.19, false),
  ],
  missing: [test("36643-5", "胸片", "Chest X-ray", 0.42, [0.19, 0.03, 0.16, 0.02]), ...missing.slice(0, 2)],
});

/** Nothing to rank: no age. */
export const ageless = assessment("咳嗽3天，体温38.5℃。", "zh", {
  scope: { inside: false, reasons: ["age-unknown"] },
  items: [item("咳嗽3天，体温38.5℃。", "38.5℃", "8310-5", "Cel", { value: 38.5 })],
});

export const adult = assessment("45-year-old man with ankle pain after a fall.", "en", {
  patient: { ageMonths: 540 },
  scope: { inside: false, reasons: ["adult", "not-respiratory"] },
});

/** A long note with every test several times over, of the patient and of others. */
export function manyValues(copies = 12): { readonly text: string; readonly assessment: Assessment } {
  const text = Array.from({ length: copies }, (_, n) => `第${n + 1}次。${p}`).join("\n");
  const step = text.indexOf("第2次") === -1 ? 0 : text.indexOf("第2次");
  const items = Array.from({ length: copies }, (_, n) => n).flatMap((n) =>
    pneumonia.items.map((each): Item => {
      const start = text.indexOf(each.text, text.indexOf(`第${n + 1}次`));
      const value = each.value === undefined ? {} : { value: Math.round((each.value + n * 0.3) * 10) / 10 };
      return {
        ...each,
        ...value,
        start,
        end: start + each.text.length,
        status: n === 3 ? "other" : n < 2 ? "past" : "current",
      };
    }),
  );
  const more = Array.from(
    { length: 30 },
    (_, n): Item => ({ ...pneumonia.items[8], code: `local-test-${n}`, start: step, end: step + 1, text: text[step] }),
  );
  const flags = Array.from({ length: 9 }, () => infant.redFlags[0]).map((each) => ({ ...each, spans: [] }));
  return { text, assessment: { ...pneumonia, redFlags: flags, items: [...items, ...more] } };
}
