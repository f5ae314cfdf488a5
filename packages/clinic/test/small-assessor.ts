/**
 * A small assessor for the tests of the service: it reads the note with the real extractor and ranks by counted words. It keeps to the
 * contract of `Assessor` and claims nothing of diagnosis.
 */
import { createHash } from "node:crypto";
import {
  type Assessment,
  type Assessor,
  type Candidate,
  type Disease,
  diseaseNames,
  diseases,
} from "../src/diagnosis/index.ts";
import { extract, type Item } from "../src/extract/index.ts";

const cues: Readonly<Record<Disease, readonly string[]>> = {
  pneumonia: ["湿啰音", "肺炎", "crackles", "consolidation"],
  rti: ["流涕", "咽痛", "runny nose", "sore throat"],
  bronchitis: ["咳嗽", "痰", "cough", "sputum"],
  asthma: ["喘息", "哮鸣音", "wheez", "eczema"],
};
const model = {
  name: "small",
  version: "0.0.1",
  hash: createHash("sha256").update("small").digest("hex"),
  training: "synthetic",
} as const;

export async function createAssessor(): Promise<Assessor> {
  return { model, assess: async (text, options = {}) => assess(text, options), close: async () => {} };
}

function assess(text: string, options: { ageMonths?: number; items?: readonly Item[] }): Assessment {
  const items = [...extract(text), ...(options.items ?? [])];
  const language = /[\u4e00-\u9fff]/.test(text) ? "zh" : "en";
  const ageMonths =
    options.ageMonths ?? items.find(({ code, status }) => code === "30525-0" && status === "current")?.value;
  const reasons = [
    ...(ageMonths === undefined ? (["age-unknown"] as const) : ageMonths >= 216 ? (["adult"] as const) : []),
    ...(diseases.some((disease) => cues[disease].some((cue) => text.includes(cue)))
      ? []
      : (["not-respiratory"] as const)),
  ];
  const inside = reasons.length === 0;
  const oxygen = items.findIndex(({ code, value }) => code === "59408-5" && value !== undefined && value < 92);
  const spanOf = ({ start, end, text: span }: Item) => ({ start, end, text: span });
  return {
    schema: "baltoro.assessment/1",
    model,
    note: { sha256: createHash("sha256").update(text).digest("hex"), characters: text.length, language },
    patient: ageMonths === undefined ? {} : { ageMonths },
    scope: { inside, reasons },
    redFlags:
      oxygen < 0
        ? []
        : [
            {
              code: "spo2-low",
              severity: "emergency",
              message: { en: "Oxygen saturation below 92%", zh: "血氧饱和度低于92%" },
              source: "WHO pocket book, 2013",
              spans: items[oxygen].end > 0 ? [spanOf(items[oxygen])] : [],
            },
          ],
    items,
    differential: inside ? rank(text, items) : [],
    ...(inside && items.length < 3
      ? {
          abstention: {
            reason: "little-information" as const,
            message: { en: "The note says little.", zh: "病历信息不足。" },
          },
        }
      : {}),
    missing: inside
      ? [
          {
            code: "1988-5",
            display: { en: "C-reactive protein", zh: "C反应蛋白" },
            gain: 0.2,
            change: { pneumonia: 0.1, rti: 0.05, bronchitis: 0.05, asthma: 0.01 },
          },
        ]
      : [],
    notices: [
      { en: "Assists a professional; trained on synthetic notes.", zh: "仅供专业人员参考；模型由合成病历训练。" },
    ],
  };
}

function rank(text: string, items: readonly Item[]): Candidate[] {
  const candidates = diseases.map((disease): Candidate => {
    const found = cues[disease].flatMap((cue) => {
      const start = text.indexOf(cue);
      return start < 0 ? [] : [{ start, end: start + cue.length, text: cue, kind: "text" as const, weight: 1 }];
    });
    const probability = 1 / (1 + Math.exp(1.5 - found.length));
    const value = items.findIndex(({ code, end }) => code === "8310-5" && end > 0);
    const against = value < 0 ? [] : [{ ...pick(items[value]), kind: "value" as const, weight: -0.25, item: value }];
    return {
      ...{
        disease,
        icd10: diseaseNames[disease].icd10,
        probability,
        low: probability * 0.8,
        high: Math.min(1, probability * 1.2),
      },
      ...{ plausible: probability > 0.3, for: found, against: disease === "asthma" ? against : [] },
    };
  });
  return candidates.toSorted((a, b) => b.probability - a.probability);
}

const pick = ({ start, end, text }: Item) => ({ start, end, text });
