import type { Language } from "../../diagnosis/index.ts";
import type { Item } from "../../extract/index.ts";

/** A test that may be missing: the codes that all answer it, the first being its name to others. */
export interface Test {
  readonly code: string;
  readonly codes: readonly string[];
  readonly display: Readonly<Record<Language, string>>;
  /** Words that tell of the test's being done, where no result was read. */
  readonly told?: RegExp;
  /** Of a test in words: the kinds of result that are told apart. */
  readonly kinds?: readonly { readonly name: string; readonly words: readonly string[] }[];
}

const presence: NonNullable<Test["kinds"]> = [
  { name: "negative", words: ["negative", "阴性"] },
  { name: "positive", words: ["positive", "阳性", "1:"] },
];

/** The tests that a note may lack and that a clinic can make, in no order. */
export const tests: readonly Test[] = [
  { code: "1988-5", codes: ["1988-5", "30522-7"], display: { en: "C-reactive protein", zh: "C反应蛋白" } },
  { code: "6690-2", codes: ["6690-2"], display: { en: "White blood cells", zh: "白细胞" } },
  { code: "770-8", codes: ["770-8"], display: { en: "Neutrophils %", zh: "中性粒细胞百分比" } },
  { code: "736-9", codes: ["736-9"], display: { en: "Lymphocytes %", zh: "淋巴细胞百分比" } },
  { code: "713-8", codes: ["713-8"], display: { en: "Eosinophils %", zh: "嗜酸性粒细胞百分比" } },
  { code: "33959-8", codes: ["33959-8"], display: { en: "Procalcitonin", zh: "降钙素原" } },
  { code: "30341-2", codes: ["30341-2"], display: { en: "Erythrocyte sedimentation rate", zh: "血沉" } },
  { code: "59408-5", codes: ["59408-5"], display: { en: "Oxygen saturation", zh: "血氧饱和度" } },
  { code: "9279-1", codes: ["9279-1"], display: { en: "Respiratory rate", zh: "呼吸频率" } },
  { code: "8867-4", codes: ["8867-4"], display: { en: "Heart rate", zh: "心率" } },
  { code: "8310-5", codes: ["8310-5"], display: { en: "Temperature", zh: "体温" } },
  {
    ...{ code: "36643-5", codes: ["36643-5", "chest-ct"], display: { en: "Chest X-ray", zh: "胸片" } },
    kinds: [
      {
        name: "shadow",
        words: [
          "片状",
          "斑片",
          "阴影",
          "实变",
          "渗出",
          "肺炎",
          "炎症",
          "infiltrat",
          "consolidat",
          "pneumonia",
          "opaci",
        ],
      },
      { name: "effusion", words: ["积液", "不张", "effusion", "atelecta"] },
      { name: "hyperinflated", words: ["肺气肿", "过度充气", "hyperinfl"] },
      { name: "markings", words: ["纹理", "支气管炎", "peribronch", "perihilar", "markings"] },
      { name: "normal", words: ["未见", "正常", "清晰", "normal", "clear", "no active", "no acute", "unremarkable"] },
    ],
  },
  {
    ...{ code: "auscultation", codes: ["auscultation"], display: { en: "Auscultation of the lungs", zh: "肺部听诊" } },
    told: /[啰罗]音|哮鸣音|呼吸音|痰鸣音|\b(?:rales|rhonch\w+|crackles?|crepitations?|breath sounds|air entry|(?:expiratory|inspiratory|diffuse|bilateral|scattered) wheez\w+|lungs? (?:are |is )?clear|chest (?:is )?clear)/i,
    kinds: [
      { name: "moist", words: ["湿", "水泡音", "crackle", "rales"] },
      { name: "wheeze", words: ["哮鸣", "喘鸣", "wheez"] },
      { name: "coarse", words: ["粗", "痰鸣", "干", "rhonch", "coarse"] },
      { name: "low", words: ["低", "减弱", "diminished", "decreased"] },
      { name: "clear", words: ["清", "未闻", "正常", "clear", "normal"] },
    ],
  },
  {
    ...{ code: "mycoplasma-pneumoniae", codes: ["mycoplasma-pneumoniae"], kinds: presence },
    display: { en: "Mycoplasma antibody or PCR", zh: "肺炎支原体检测" },
  },
  {
    ...{ code: "respiratory-syncytial-virus", codes: ["respiratory-syncytial-virus"], kinds: presence },
    display: { en: "Respiratory syncytial virus", zh: "呼吸道合胞病毒" },
  },
  {
    ...{ code: "80382-5", codes: ["80382-5", "influenza", "influenza-b"], kinds: presence },
    display: { en: "Influenza antigen", zh: "流感病毒抗原" },
  },
];

/** Current results of a test among items. */
export function resultsOf(test: Test, items: readonly Item[]): Item[] {
  return items.filter(({ code, status }) => status === "current" && test.codes.includes(code));
}

/** The number that an item states: of a range its middle; undefined where it states none. */
export function numberOf({ value, low, high }: Item): number | undefined {
  return value ?? (low !== undefined && high !== undefined ? (low + high) / 2 : undefined);
}

/** Which kind of result a test in words has: an index of `kinds`, their number for any other result. */
export function kindOf(test: Test, result: string): number {
  const lower = result.toLowerCase();
  const kinds = test.kinds ?? [];
  const found = kinds.findIndex(({ words }) => words.some((word) => lower.includes(word)));
  return found >= 0 ? found : kinds.length;
}
