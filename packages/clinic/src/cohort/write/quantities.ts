import type { Language } from "../../diagnosis/index.ts";
import type { Random } from "../model/index.ts";

/** A way of printing a value: its number is the canonical value × `times`, with so many digits. */
interface Form {
  readonly unit: string;
  readonly times: number;
  readonly digits: number;
  readonly weight: number;
  /** Added after the multiplication. */
  readonly plus?: number;
}

export interface Quantity {
  readonly code: string;
  readonly names: Readonly<Record<Language, readonly string[]>>;
  readonly forms: Readonly<Record<Language, readonly Form[]>>;
  /** Units that slip in by mistake. */
  readonly wrong?: readonly string[];
  /** Printed ranges, and above what an arrow stands. */
  readonly range?: readonly [string, number, number];
}

const form = (unit: string, weight: number, digits: number, times = 1, plus = 0): Form => ({
  ...{ unit, weight, digits, times, plus },
});
const percent = [form("%", 1, 1), form("%", 0.4, 0)];
const cells = [
  form("×10^9/L", 4, 2),
  form("×10⁹/L", 2, 1),
  form("*10^9/L", 2, 2),
  form("x10^9/L", 1, 1),
  form(" 10^9/L", 1, 2),
];
const cellsEn = [
  ...[form(" x10^9/L", 3, 1), form("×10^9/L", 1, 1), form("K/uL", 3, 1), form(" 10^3/uL", 2, 2)],
  ...[form("x10(3)/mcL", 0.4, 1), form("/mm3", 0.8, 0, 1000), form("K", 1, 1)],
];

/** By the id of the value. */
export const quantities: Readonly<Record<string, Quantity>> = {
  temperature: {
    code: "8310-5",
    names: { zh: ["T", "体温", "T:", "体温："], en: ["T", "Temp", "Temperature", "temp", "T:"] },
    forms: {
      zh: [form("℃", 6, 1), form("°C", 1, 1), form("度", 1.5, 1)],
      en: [form("°C", 3, 1), form(" C", 2, 1), form("°F", 3, 1, 1.8, 32), form(" F", 2, 1, 1.8, 32)],
    },
  },
  heartRate: {
    code: "8867-4",
    names: { zh: ["P", "HR", "心率", "脉搏"], en: ["HR", "P", "Pulse", "heart rate"] },
    forms: {
      zh: [form("次/分", 5, 0), form("bpm", 1, 0), form("次/min", 2, 0)],
      en: [form("", 3, 0), form("/min", 2, 0), form(" bpm", 2, 0)],
    },
  },
  respiratoryRate: {
    code: "9279-1",
    names: { zh: ["R", "RR", "呼吸"], en: ["RR", "R", "Resp", "respiratory rate"] },
    forms: { zh: [form("次/分", 5, 0), form("次/min", 2, 0)], en: [form("", 4, 0), form("/min", 3, 0)] },
  },
  saturationDeficit: {
    code: "59408-5",
    names: {
      zh: ["SpO2", "SPO2", "血氧饱和度", "经皮血氧饱和度", "血氧"],
      en: ["SpO2", "O2 sat", "sats", "SpO2", "oxygen saturation"],
    },
    forms: { zh: [form("%", 1, 0)], en: [form("%", 4, 0), form("% on room air", 2, 0), form("% RA", 2, 0)] },
  },
  leukocytes: {
    code: "6690-2",
    names: { zh: ["WBC", "白细胞", "白细胞计数", "WBC"], en: ["WBC", "white count", "WBC count", "Leukocytes"] },
    forms: { zh: [...cells, form("万", 0.4, 2, 0.1)], en: cellsEn },
    wrong: ["×10^12/L", "/L", "g/L"],
    range: ["4-10", 4, 12],
  },
  neutrophilPercent: {
    code: "770-8",
    names: {
      zh: ["N%", "中性粒细胞百分比", "N", "中性", "NEUT%", "中性粒细胞"],
      en: ["neutrophils", "N", "Neut", "PMNs", "segs"],
    },
    forms: { zh: percent, en: percent },
    wrong: ["×10^9/L"],
    range: ["40-75", 20, 75],
  },
  lymphocytePercent: {
    code: "736-9",
    names: {
      zh: ["L%", "淋巴细胞百分比", "L", "淋巴", "LYM%", "淋巴细胞"],
      en: ["lymphocytes", "L", "Lymph", "lymphs"],
    },
    forms: { zh: percent, en: percent },
    range: ["20-50", 15, 65],
  },
  eosinophilPercent: {
    code: "713-8",
    names: { zh: ["E%", "嗜酸性粒细胞百分比", "EO%", "嗜酸粒细胞"], en: ["eosinophils", "Eos", "eos"] },
    forms: { zh: percent, en: percent },
    range: ["0.4-8.0", 0, 5],
  },
  hemoglobin: {
    code: "718-7",
    names: { zh: ["Hb", "HGB", "血红蛋白"], en: ["Hb", "Hgb", "hemoglobin"] },
    forms: { zh: [form("g/L", 1, 0)], en: [form("g/dL", 3, 1, 0.1), form("g/L", 1, 0)] },
    wrong: ["mg/L"],
    range: ["110-160", 105, 165],
  },
  platelets: {
    code: "777-3",
    names: { zh: ["PLT", "血小板"], en: ["Plt", "platelets", "PLT"] },
    forms: {
      zh: [form("×10^9/L", 4, 0), form("*10^9/L", 2, 0), form("×10⁹/L", 1, 0)],
      en: [form("x10^9/L", 2, 0), form("K/uL", 2, 0), form("K", 1, 0)],
    },
    range: ["100-300", 100, 450],
  },
  crp: {
    code: "1988-5",
    names: {
      zh: ["CRP", "C反应蛋白", "C-反应蛋白", "超敏CRP", "hs-CRP"],
      en: ["CRP", "C-reactive protein", "CRP", "hs-CRP"],
    },
    forms: {
      zh: [form("mg/L", 8, 1), form("mg/l", 1, 2), form("mg/L", 2, 0)],
      en: [form(" mg/L", 4, 1), form(" mg/dL", 2, 2, 0.1), form("mg/L", 1, 0)],
    },
    wrong: ["g/L", "mg/ml", "ng/mL"],
    range: ["0-10", 0, 10],
  },
  procalcitonin: {
    code: "33959-8",
    names: { zh: ["PCT", "降钙素原"], en: ["PCT", "procalcitonin"] },
    forms: {
      zh: [form("ng/ml", 4, 2), form("ng/mL", 2, 2), form("μg/L", 1, 2)],
      en: [form(" ng/mL", 3, 2), form(" mcg/L", 0.5, 2)],
    },
    wrong: ["mg/L"],
    range: ["<0.5", 0, 0.5],
  },
  sedimentation: {
    code: "30341-2",
    names: { zh: ["ESR", "血沉"], en: ["ESR", "sed rate"] },
    forms: { zh: [form("mm/h", 1, 0)], en: [form(" mm/h", 2, 0), form(" mm/hr", 1, 0)] },
    range: ["0-15", 0, 20],
  },
  weight: {
    code: "29463-7",
    names: { zh: ["体重", "Wt", "BW", "体重："], en: ["Wt", "weight", "Weight"] },
    forms: {
      zh: [form("kg", 5, 1), form("公斤", 1, 1), form("斤", 1, 0, 2)],
      en: [form(" kg", 4, 1), form(" lb", 2, 1, 2.2046226), form(" lbs", 1, 0, 2.2046226)],
    },
  },
};

/** How this note prints values, chosen once a note. */
export interface Manner {
  /** Between name and number. */
  readonly link: string;
  readonly units: boolean;
  readonly wrongUnit: number;
  readonly arrows: boolean;
  readonly ranges: boolean;
  /** By quantity: which name and which form. */
  readonly choice: Map<string, { readonly name: string; readonly form: Form }>;
}

export interface Printed {
  readonly text: string;
  /** The number alone, its unit with it. */
  readonly amount: string;
  readonly code: string;
  /** Canonical, as printed. */
  readonly value: number;
}

/** Prints a canonical value as this note does. `below`: the number is a bound. */
export function print(
  random: Random,
  manner: Manner,
  language: Language,
  id: string,
  value: number,
  below?: number,
): Printed {
  const { code, names, forms, wrong, range } = quantities[id];
  let choice = manner.choice.get(id);
  if (!choice) {
    const all = forms[language];
    choice = { name: random.pick(names[language]), form: all[random.weighted(all.map(({ weight }) => weight))] };
    manner.choice.set(id, choice);
  }
  const { name, form } = choice;
  const censored = below !== undefined && value < below;
  const number = ((censored ? below : value) * form.times + (form.plus ?? 0)).toFixed(form.digits);
  const canonical = (Number(number) - (form.plus ?? 0)) / form.times;
  // Without its unit a number in a rare unit would be another number.
  const bare = !manner.units && form.times === 1;
  const slip = wrong !== undefined && random.chance(manner.wrongUnit);
  const unit = bare ? "" : slip ? random.pick(wrong) : form.unit;
  const arrow = manner.arrows && range ? (value > range[2] ? "↑" : value < range[1] ? "↓" : "") : "";
  const reference = manner.ranges && range ? (language === "zh" ? `（${range[0]}）` : ` (ref ${range[0]})`) : "";
  const amount = `${censored ? "<" : ""}${number}${unit}`;
  const link = /[:：]$/.test(name)
    ? ""
    : manner.link === "" && (language === "en" || /\d$/.test(name))
      ? " "
      : manner.link;
  return {
    text: `${name}${link}${amount}${arrow}${reference}`,
    amount,
    code: id === "crp" && /超敏|hs/.test(name) ? "30522-7" : code,
    value: Math.round(canonical * 1e4) / 1e4,
  };
}
