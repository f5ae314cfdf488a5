import { type Disease, diseases } from "../diagnosis/index.ts";

export type Label = 0 | 1 | undefined;

/** Diseases that a source tells apart: of the others it says nothing. */
export interface LabelSet {
  readonly known: readonly Disease[];
  readonly classes: Readonly<Record<string, Disease>>;
}

/** IMCS-21: ten labels. 小儿感冒 (a cold) is an infection of the upper airways; 小儿咳嗽 and 小儿发热 name no disease of ours. */
export const imcs: LabelSet = {
  known: ["pneumonia", "rti", "bronchitis"],
  classes: {
    ...{ 小儿支气管肺炎: "pneumonia", 小儿支气管炎: "bronchitis", 上呼吸道感染: "rti", 小儿感冒: "rti" },
  },
};

/** Dxy: five labels, no bronchitis among them. */
export const dxy: LabelSet = { known: ["pneumonia", "rti"], classes: { 肺炎: "pneumonia", 上呼吸道感染: "rti" } };

export function labelsFrom(label: string, { known, classes }: LabelSet): Label[] {
  const disease = Object.hasOwn(classes, label) ? classes[label] : undefined;
  return diseases.map((one) => (known.includes(one) ? (one === disease ? 1 : 0) : undefined));
}

export function labelsOf(present: readonly Disease[]): Label[] {
  return diseases.map((disease) => (present.includes(disease) ? 1 : 0));
}

/** How people write them. */
export const diseasePatterns: Readonly<Record<"pneumonia" | "rti" | "bronchitis", RegExp>> = {
  pneumonia: /肺炎|肺部感染/,
  rti: /(?<!下)呼吸道感染|上感|感冒/,
  bronchitis: /气管炎|支炎|毛支/,
};
const doubtful = /[?？]|待排|不能排除|可能/;

/**
 * From a report's diagnosis in words (IMCS-MRG 诊断): a disease that is named has label 1, one that is named in doubt is unknown, as is
 * everything where no diagnosis is given.
 */
export function labelsFromDiagnosis(diagnosis: string): Label[] {
  if (!/[\p{L}]/u.test(diagnosis) || /^暂缺|^不详|^无/.test(diagnosis)) return diseases.map(() => undefined);
  // 支气管肺炎 is pneumonia: its first half must not be read as bronchitis.
  const parts = diagnosis.split(/[，,；;、。:：（）() ]|(?<=[?？])/).filter((part) => part !== "");
  return diseases.map((disease) => {
    if (disease === "asthma") return undefined;
    const found = parts.filter((part) => diseasePatterns[disease].test(part));
    if (found.length === 0) return 0;
    return found.some((part) => !doubtful.test(part)) ? 1 : undefined;
  });
}
