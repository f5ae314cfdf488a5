import type { Language, ScopeReason } from "@baltoro/clinic";

/** The page's own words. */
export interface PageWords {
  readonly title: string;
  readonly redFlags: string;
  readonly noRedFlags: string;
  readonly values: string;
  readonly noValues: string;
  readonly differential: string;
  readonly interval: string;
  readonly plausible: string;
  readonly outside: string;
  readonly reasons: Readonly<Record<ScopeReason, string>>;
  readonly evidence: string;
  readonly pro: string;
  readonly contra: string;
  readonly missing: string;
  readonly results: Readonly<Record<string, string>>;
  readonly gain: string;
  readonly moves: string;
  readonly notices: string;
  readonly past: string;
  readonly others: (count: number) => string;
  readonly ageUnknown: string;
  readonly age: (months: number) => string;
  readonly caution: string;
}

export const pageWords: Readonly<Record<Language, PageWords>> = {
  en: {
    title: "Assessment of a note",
    redFlags: "Red flags",
    noRedFlags: "None found in the note. That does not mean that there is none.",
    values: "Values",
    noValues: "The note states none.",
    differential: "Differential",
    interval: "probability and 90 % interval",
    plausible: "● in the conformal set (each disease left out at most one time in ten)",
    outside: "Outside the scope: no ranking",
    reasons: {
      adult: "the patient is 18 or older",
      "age-unknown": "the note states no age (give it with --age MONTHS)",
      "not-respiratory": "the note says nothing of the airways",
    },
    evidence: "Evidence",
    pro: "for",
    contra: "against",
    missing: "What is missing, the most telling first",
    results: {},
    gain: "bits",
    moves: "moves",
    notices: "Please note",
    past: "past",
    others: (count) => `${count} more of the past, of others or of thresholds: see --json`,
    ageUnknown: "age unknown",
    age: (months) => (months < 24 ? `${trim(months)} months` : `${trim(months / 12)} years`),
    caution: "Caution",
  },
  zh: {
    title: "病历评估",
    redFlags: "危险信号",
    noRedFlags: "病历中未发现。这并不等于没有危险。",
    values: "检查结果",
    noValues: "病历中没有。",
    differential: "鉴别诊断",
    interval: "概率与90%区间",
    plausible: "● 在共形预测集中（每种疾病漏掉的机会不超过十分之一）",
    outside: "超出适用范围：不作排序",
    reasons: {
      adult: "患者已满18岁",
      "age-unknown": "病历未写年龄（可用 --age 月数 给出）",
      "not-respiratory": "病历没有呼吸道内容",
    },
    evidence: "依据",
    pro: "支持",
    contra: "反对",
    missing: "尚缺的检查（信息量大者在前）",
    results: { positive: "阳性", negative: "阴性", indeterminate: "不确定" },
    gain: "比特",
    moves: "影响",
    notices: "请注意",
    past: "既往",
    others: (count) => `另有${count}项为既往、他人或阈值：见 --json`,
    ageUnknown: "年龄不详",
    age: (months) => (months < 24 ? `${trim(months)}个月` : `${trim(months / 12)}岁`),
    caution: "注意",
  },
};

function trim(value: number): string {
  return String(Math.round(value * 10) / 10);
}
