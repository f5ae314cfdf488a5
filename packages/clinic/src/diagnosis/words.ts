import type { RedFlag } from "./assessment.ts";
import type { Language } from "./diseases.ts";

type Said = Readonly<Record<Language, string>>;

/** To stand beside a list of missing tests, wherever it is shown. */
export const noOrder: Said = {
  en: "An estimate of information, no advice to order: a child who is well needs no routine chest film or blood test.",
  zh: "这只是信息量的估计，不是检查建议：一般情况好的患儿不需要常规胸片或抽血。",
};

/** To stand over a ranking with no disease in the conformal set. */
export const noneLikely: Said = {
  en: "None of the four diseases is in the conformal set: think of another cause.",
  zh: "四种疾病均不在共形预测集中：请考虑其他病因。",
};

/** How soon a sign of danger asks for help. */
export const severityNames: Readonly<Record<RedFlag["severity"], Said>> = {
  emergency: { en: "emergency", zh: "紧急" },
  urgent: { en: "urgent", zh: "尽快处理" },
};
