/**
 * The codes that stage 1 reports, with the one unit that each is always converted to.
 *
 * This material contains content from LOINC (http://loinc.org). LOINC is copyright © Regenstrief Institute, Inc. and the Logical
 * Observation Identifiers Names and Codes (LOINC) Committee and is available at no cost under the license at
 * http://loinc.org/license. LOINC® is a registered United States trademark of Regenstrief Institute, Inc.
 */
export interface Measure {
  readonly code: string;
  /** What FHIR shows; our wording, not LOINC's long name. */
  readonly display: string;
  readonly displayZh: string;
  /** UCUM. */
  readonly unit: string;
  readonly category: "vital-signs" | "laboratory" | "social-history";
}

const vital = "vital-signs";
const laboratory = "laboratory";

function measure(
  code: string,
  unit: string,
  category: Measure["category"],
  display: string,
  displayZh: string,
): [string, Measure] {
  return [code, { code, unit, category, display, displayZh }];
}

export const measures: ReadonlyMap<string, Measure> = new Map([
  measure("8310-5", "Cel", vital, "Body temperature", "体温"),
  measure("8867-4", "/min", vital, "Heart rate", "心率"),
  measure("9279-1", "/min", vital, "Respiratory rate", "呼吸频率"),
  measure("59408-5", "%", vital, "Oxygen saturation by pulse oximetry", "血氧饱和度"),
  measure("8480-6", "mm[Hg]", vital, "Systolic blood pressure", "收缩压"),
  measure("8462-4", "mm[Hg]", vital, "Diastolic blood pressure", "舒张压"),
  measure("29463-7", "kg", vital, "Body weight", "体重"),
  measure("30525-0", "mo", "social-history", "Age", "年龄"),
  measure("6690-2", "10*9/L", laboratory, "Leukocytes", "白细胞"),
  measure("751-8", "10*9/L", laboratory, "Neutrophils", "中性粒细胞绝对值"),
  measure("731-0", "10*9/L", laboratory, "Lymphocytes", "淋巴细胞绝对值"),
  measure("26449-9", "10*9/L", laboratory, "Eosinophils", "嗜酸性粒细胞绝对值"),
  measure("777-3", "10*9/L", laboratory, "Platelets", "血小板"),
  measure("770-8", "%", laboratory, "Neutrophils per 100 leukocytes", "中性粒细胞百分比"),
  measure("736-9", "%", laboratory, "Lymphocytes per 100 leukocytes", "淋巴细胞百分比"),
  measure("713-8", "%", laboratory, "Eosinophils per 100 leukocytes", "嗜酸性粒细胞百分比"),
  measure("718-7", "g/L", laboratory, "Hemoglobin", "血红蛋白"),
  measure("4544-3", "%", laboratory, "Hematocrit", "红细胞压积"),
  measure("1988-5", "mg/L", laboratory, "C-reactive protein", "C反应蛋白"),
  measure("30522-7", "mg/L", laboratory, "C-reactive protein, high sensitivity", "超敏C反应蛋白"),
  measure("33959-8", "ng/mL", laboratory, "Procalcitonin", "降钙素原"),
  measure("30341-2", "mm/h", laboratory, "Erythrocyte sedimentation rate", "血沉"),
  measure("2744-1", "[pH]", laboratory, "pH of arterial blood", "动脉血pH"),
  measure("2019-8", "mm[Hg]", laboratory, "Carbon dioxide partial pressure, arterial blood", "动脉血二氧化碳分压"),
  measure("2703-7", "mm[Hg]", laboratory, "Oxygen partial pressure, arterial blood", "动脉血氧分压"),
]);
