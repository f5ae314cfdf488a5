import type { Language } from "../language/language.ts";

/** A note to try the page with. None is of a real patient. */
export interface Example {
  readonly title: Readonly<Record<Language, string>>;
  readonly language: Language;
  readonly text: string;
}

export const examples: readonly Example[] = [
  {
    title: { en: "Boy, 3: fever and cough for five days", zh: "男，3岁：发热咳嗽5天" },
    language: "zh",
    text: `【示例，虚构病历】
主诉：咳嗽5天，发热3天。
现病史：患儿男，3岁2月。5天前受凉后出现咳嗽，初为干咳，后有痰，不易咳出。3天前发热，体温最高39.6℃，予布洛芬后可降至37.8℃，数小时后复升。无喘息，无抽搐，无呕吐腹泻。精神稍差，进食减少，尿量可。院外口服头孢克肟2天，效果欠佳。
既往史：体健，无喘息史。奶奶有哮喘。否认药物过敏史。
体格检查：T 39.1℃，P 138次/分，R 46次/分，SpO2 94%，体重14.5kg。咽充血，双侧扁桃体Ⅰ度肿大。右下肺可闻及固定细湿啰音，未闻及哮鸣音。心音有力，腹软。
辅助检查：血常规：WBC 15.8×10^9/L，N 78.4%，L 16.2%，Hb 118g/L，PLT 356×10^9/L。CRP 48mg/L，PCT 0.62ng/mL。肺炎支原体IgM阴性，甲流抗原阴性。胸片：右下肺斑片状影。`,
  },
  {
    title: { en: "Girl, 7: wheeze at night, again", zh: "女，7岁：反复夜间喘息（英文）" },
    language: "en",
    text: `[EXAMPLE, SYNTHETIC NOTE]
Chief complaint: Wheezing and night cough for 2 days.
History: 7-year-old girl, cough and wheeze since Tuesday, worse at night and after running. Three similar episodes in the past year, each better within an hour of salbutamol. No fever at home, no vomiting. Eczema as an infant; mother has allergic rhinitis. Vaccinations up to date.
Examination: Temp 37.1 C, HR 122, RR 30, SpO2 93% on room air rising to 97% after nebulised salbutamol. Weight 24 kg. Speaks in short sentences. Diffuse expiratory wheeze on both sides, no crackles. Throat normal.
Results: WBC 8.9 x10^9/L, neutrophils 52%, lymphocytes 34%, eosinophils 8.1%. CRP <5 mg/L. Influenza A antigen negative. No chest X-ray taken.`,
  },
  {
    title: { en: "Infant, 8 months: fast breathing, feeding badly", zh: "婴儿，8月：气促、拒奶" },
    language: "zh",
    text: `【示例，虚构病历】
患儿，女，8月龄，因“咳嗽4天，气促1天”就诊。
4天前流涕、轻咳，低热，最高38.2℃。1天前咳嗽加重，伴气促、喘息，吃奶量减至平时一半，今晨拒奶，睡眠增多，尿量减少。
足月顺产，母乳喂养。姐姐上周感冒。
查体：体温38.0℃，心率168次/分，呼吸64次/分，血氧饱和度90%（未吸氧）。反应稍差，鼻翼扇动，可见三凹征，双肺满布哮鸣音，肺底少许细湿啰音。前囟平软。
血常规：白细胞9.6×10^9/L，中性粒细胞31%，淋巴细胞60%，血红蛋白112g/L。C反应蛋白6mg/L。呼吸道合胞病毒抗原阳性。`,
  },
];
