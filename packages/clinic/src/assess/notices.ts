import type { Assessment, ModelIdentity } from "../diagnosis/index.ts";

type Words = Assessment["notices"][number];

const always: readonly Words[] = [
  {
    en: "Assists a health professional and does not replace clinical judgement: it is no diagnosis and no verdict. Check each statement against the note.",
    zh: "仅供医务人员参考，不能代替临床判断；不是诊断结论。请对照原始病历逐条核对。",
  },
  {
    en: "For children under 18 with respiratory complaints. Not for adults, nor for monitoring or emergency triage; the absence of a red flag does not mean that the child is safe.",
    zh: "适用于有呼吸道表现的18岁以下儿童；不适用于成人，也不用于监护或急诊分诊；未提示危险信号不等于没有危险。",
  },
  {
    en: "Ranks four diseases only: pneumonia, upper respiratory tract infection, bronchitis and asthma. Another disease may be the cause.",
    zh: "仅对肺炎、上呼吸道感染、支气管炎和哮喘四种疾病排序；病因可能是其他疾病。",
  },
];

const byTraining: Readonly<Record<ModelIdentity["training"], Words>> = {
  synthetic: {
    en: "The model was trained on synthetic notes, not on patients; its probabilities have not been validated in clinical use.",
    zh: "模型由合成病历训练，未使用真实患者数据；其概率未经临床验证。",
  },
  local: {
    en: "The model was trained on this institution's own notes; its probabilities hold for such patients only.",
    zh: "模型由本机构的病历训练；其概率仅适用于同类患者。",
  },
  research: {
    en: "The model was trained on research data and is for research use only.",
    zh: "模型由研究数据训练，仅限研究使用。",
  },
};

const withoutProfile: Words = {
  en: "This model has no validation file (assess.json): intervals are unknown and are shown as 0 to 100 %.",
  zh: "该模型缺少验证文件（assess.json）：概率区间未知，显示为0–100%。",
};

/** What is shown with every result, in order. */
export function noticesFor(
  { training }: ModelIdentity,
  { hasProfile, unread }: { readonly hasProfile: boolean; readonly unread: number },
): Words[] {
  return [
    ...always,
    byTraining[training],
    ...(unread > 0 ? [partly(unread)] : []),
    ...(hasProfile ? [] : [withoutProfile]),
  ];
}

function partly(unread: number): Words {
  return {
    en: `The note is longer than the model reads: the words of its last ${unread} characters do not count in the ranking. Its values and red flags do.`,
    zh: `病历超出模型可读长度：末尾${unread}个字符的文字未参与排序（其中的检查结果和危险信号仍参与）。`,
  };
}

/** Why a ranking should not be leaned on. */
export const abstentionWords: Readonly<Record<"uncertain" | "little-information", Words>> = {
  uncertain: {
    en: "The model is too unsure about this note: on notes as unsure as this it is often wrong. Do not lean on the ranking.",
    zh: "模型对本病历把握不足：在类似的病历上常出错，请勿依赖该排序。",
  },
  "little-information": {
    en: "The note holds too few findings for a ranking to be leaned on.",
    zh: "病历中的信息过少，请勿依赖该排序。",
  },
};
