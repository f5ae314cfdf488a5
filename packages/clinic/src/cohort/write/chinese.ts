import {
  advice,
  age,
  background,
  body,
  complaint,
  course,
  denial,
  examination,
  family,
  full,
  general,
  heat,
  history,
  join,
  labs,
  lines,
  lungs,
  past,
  section,
  sentence,
  sex,
  short,
  spoken,
  symptoms,
  throat,
  told,
  toldTests,
  usual,
  vitalIds,
  vitals,
} from "./chinese-parts.ts";
import type { Family } from "./family.ts";

export const chineseFamilies: readonly Family[] = [
  {
    ...{
      id: "zh-outpatient-line",
      language: "zh",
      settings: ["primary", "outpatient"],
      detail: short,
      voice: "clinical",
    },
    write: (w) =>
      `${sex(w)}，${age(w)}。${complaint(w)}。${history(w)}${past(w)}${family(w)}${section("查体：", join([vitals(w), examination(w)]))}${labs(w)}${advice(w)}`,
  },
  {
    ...{ id: "zh-admission", language: "zh", settings: ["inpatient"], detail: full, voice: "clinical" },
    write: (w) =>
      lines(
        `姓名：患儿${w.random.pick(["某", "A", "B"])}　性别：${sex(w)}　年龄：${age(w)}`,
        `主诉：${complaint(w)}。`,
        `现病史：${history(w)}`,
        `既往史：${past(w)}`,
        section("家族史：", family(w)),
        `体格检查：${sentence([vitals(w)])}${examination(w)}`,
        section("辅助检查：", labs(w) || "暂缺。"),
      ),
  },
  {
    ...{ id: "zh-brackets", language: "zh", settings: ["outpatient", "emergency"], detail: usual, voice: "clinical" },
    write: (w) =>
      lines(
        `【一般情况】${age(w)} ${sex(w)}`,
        `【主诉】${complaint(w)}`,
        `【现病史】${history(w)}`,
        `【既往史】${past(w)}${family(w)}`,
        `【查体】${sentence([vitals(w)])}${examination(w)}`,
        section("【辅助检查】", labs(w) || w.pick(["暂无", "未查", ""])),
        section("【处理】", advice(w)),
      ),
  },
  {
    ...{ id: "zh-numbered", language: "zh", settings: ["outpatient", "inpatient"], detail: usual, voice: "clinical" },
    write: (w) =>
      [
        `患儿${sex(w)}，${age(w)}。`,
        `1、症状：${complaint(w)}。${history(w)}`,
        `2、既往：${past(w)}${family(w)}`,
        `3、体征：${join([vitals(w), examination(w)])}`,
        `4、检验检查：${labs(w) || "未做。"}`,
      ].join(w.random.pick(["\n", " ", "\n"])),
  },
  {
    ...{ id: "zh-dialogue", language: "zh", settings: ["primary", "outpatient"], detail: spoken, voice: "parent" },
    write(w) {
      const said = told(w);
      const out = [
        `医生：${w.pick(["孩子多大了？怎么不舒服？", "你好，宝宝多大？哪里不好？"])}`,
        `家长：${age(w)}，${w.male ? "男孩" : "女孩"}。${said.slice(0, 3).join("，")}。`,
      ];
      const asked = ["还有别的症状吗？", "吃饭精神怎么样？", "还有呢？", "以前有过吗？", "用过什么药？"];
      for (let at = 3; at < said.length; at += 3)
        out.push(`医生：${w.random.pick(asked)}`, `家长：${said.slice(at, at + 3).join("，")}。`);
      const tests = toldTests(w);
      if (tests) out.push("医生：做过检查吗？", `家长：${tests}`);
      if (w.random.chance(0.5))
        out.push(
          `医生：${w.pick(["如果体温超过38.5度先吃退烧药。", "多喝水，注意观察呼吸。", "要是喘起来就马上来医院。"])}`,
        );
      return out.join("\n");
    },
  },
  {
    ...{ id: "zh-parent-letter", language: "zh", settings: ["primary", "outpatient"], detail: spoken, voice: "parent" },
    write: (w) =>
      `${w.pick(["医生您好，", "你好医生，", ""])}${w.male ? "儿子" : "女儿"}${age(w)}，${told(w).join(w.random.pick(["，", "。", "，"]))}。${toldTests(w)}${w.pick(["请问怎么办？", "要不要紧？需要住院吗？", "想问下需要做什么检查，谢谢", "麻烦医生看看。"])}`,
  },
  {
    ...{ id: "zh-triage", language: "zh", settings: ["emergency"], detail: short, voice: "clinical" },
    write: (w) =>
      lines(
        `急诊预检 ${w.random.integer(0, 23)}:${String(w.random.integer(10, 59))} ${sex(w)}/${age(w)}`,
        `主诉：${complaint(w)}`,
        `生命体征：${vitals(w, w.random.pick([" ", "  ", "，"]))}`,
        `简要病史：${history(w)}${past(w)}${family(w)}`,
        `查体：${examination(w)}`,
        section("急查：", labs(w)),
        `分诊级别：${w.random.pick(["Ⅲ级", "3级", "Ⅳ级"])}`,
      ),
  },
  {
    ...{ id: "zh-village", language: "zh", settings: ["primary"], detail: short, voice: "clinical" },
    write: (w) =>
      join(
        [
          `${sex(w)} ${age(w)}`,
          complaint(w),
          heat(w),
          ...w.present([...symptoms, ...course, ...general]),
          denial(w),
          ...w.present(background),
          ...w.absent(background),
          vitals(w, " "),
          ...w.present([...throat, ...lungs, ...body]),
          ...w.absent([...lungs, ...throat, ...body]),
          labs(w).replace(/。$/, ""),
          advice(w, 0.25).replace(/。$/, ""),
        ],
        w.random.pick([" ", "，", "  "]),
      ),
  },
  {
    ...{ id: "zh-referral", language: "zh", settings: ["primary"], detail: usual, voice: "clinical" },
    write: (w) =>
      `上级医院儿科：\n现转诊患儿一名，${sex(w)}，${age(w)}，因“${complaint(w)}”来我院就诊。${history(w)}${past(w)}${family(w)}体检：${join([vitals(w), examination(w)])}${labs(w) || "我院无条件行化验检查。"}${w.pick(["因我院条件有限，请贵院进一步诊治。", "请协助诊治。", "家属要求转院。"])}`,
  },
  {
    ...{ id: "zh-first-course", language: "zh", settings: ["inpatient"], detail: full, voice: "clinical" },
    write: (w) =>
      lines(
        `首次病程记录 2023-${String(w.random.integer(1, 12)).padStart(2, "0")}-${String(w.random.integer(1, 28)).padStart(2, "0")}`,
        `患儿，${sex(w)}，${age(w)}，因“${complaint(w)}”入院。`,
        `病例特点：1.${history(w)} 2.${past(w)}${family(w)} 3.入院查体：${vitals(w)}；${examination(w, "；")} 4.${labs(w) || "化验结果未回。"}`,
      ),
  },
  {
    ...{ id: "zh-soap", language: "zh", settings: ["primary", "outpatient"], detail: usual, voice: "clinical" },
    write: (w) =>
      lines(
        `${age(w)}${w.male ? "男童" : "女童"}`,
        `S：${complaint(w)}。${history(w)}${past(w)}${family(w)}`,
        `O：${join([vitals(w), examination(w)], "；")}${labs(w)}`,
        section("P：", advice(w, 0.7)),
      ),
  },
  {
    ...{
      id: "zh-tcm",
      language: "zh",
      settings: ["outpatient", "primary"],
      detail: { ...usual, background: 0.4 },
      voice: "clinical",
    },
    write(w) {
      const tongue = w.pick(["舌红苔薄黄，脉浮数", "舌淡红，苔薄白", "舌质红，苔黄腻", "指纹紫，达于风关"]);
      return `患儿${age(w)}，${sex(w)}。${complaint(w)}。刻下症见：${sentence(w.present(symptoms))}${sentence([heat(w), ...w.present(course)])}${sentence([denial(w)])}${sentence([...w.present(general), ...w.absent(general)])}${sentence([...w.present(background), ...w.absent(background)])}${tongue}。西医查体：${join([vitals(w), examination(w)])}${labs(w)}`;
    },
  },
  {
    ...{
      id: "zh-form",
      language: "zh",
      settings: ["emergency", "inpatient", "outpatient"],
      detail: usual,
      voice: "clinical",
    },
    write: (w) =>
      lines(
        `性别|${sex(w)}`,
        `年龄|${age(w)}`,
        ...w.values(vitalIds).map((text) => text.replace(/[:： ]+/, "|")),
        `主诉|${complaint(w)}`,
        `病史|${history(w)}`,
        `既往/家族|${past(w)}${family(w)}`,
        `体征|${examination(w)}`,
        section("检验|", labs(w)),
      ),
  },
  // Held out.
  {
    ...{
      id: "zh-handover",
      language: "zh",
      heldOut: true,
      settings: ["inpatient", "emergency"],
      detail: usual,
      voice: "clinical",
    },
    write: (w) =>
      `护理交班：${w.random.integer(1, 40)}床，${w.male ? "男孩" : "女孩"}，${age(w)}，今日${w.random.integer(8, 20)}时收入。家长代述${complaint(w)}。现测${vitals(w, "、")}。${sentence([...w.present([...lungs, ...body, ...throat]), ...w.absent([...lungs, ...body, ...throat])])}病情介绍：${sentence([heat(w), ...w.present([...symptoms, ...course, ...general])])}${sentence([denial(w)])}${sentence([...w.present(background), ...w.absent(background)])}${labs(w)}请下一班注意${w.pick(["观察体温变化", "呼吸情况，若SpO2低于92%通知医生", "出入量"])}。`,
  },
  {
    ...{
      id: "zh-observation",
      language: "zh",
      heldOut: true,
      settings: ["emergency", "outpatient"],
      detail: usual,
      voice: "clinical",
    },
    write: (w) =>
      lines(
        `留观记录 ${w.random.integer(8, 12)}:00 到诊。${w.male ? "男" : "女"}性儿童，年龄${age(w)}。`,
        `到诊原因——${complaint(w)}`,
        `查见——${join([...w.present([...throat, ...lungs, ...body]), ...w.absent([...lungs, ...throat, ...body])], "；")}。测得${vitals(w, "/")}。`,
        `经过——${join(w.present([...symptoms, ...course, ...general]), "；")}；${heat(w)}；${denial(w)}。${past(w)}${family(w)}`,
        section(`${w.random.integer(13, 18)}:30 化验回报——`, labs(w, " ")),
      ),
  },
  {
    ...{
      id: "zh-video",
      language: "zh",
      heldOut: true,
      settings: ["primary", "outpatient"],
      detail: spoken,
      voice: "parent",
    },
    write(w) {
      const said = told(w);
      const half = Math.ceil(said.length / 2);
      return `（视频问诊文字记录）患者：${w.male ? "男宝" : "女宝"} ${age(w)}\n妈妈说：${said.slice(0, half).join("；")}。\n奶奶补充：${said.slice(half).join("；") || "没有别的了"}。\n${toldTests(w)}医生回复：${w.pick(["信息收到，请到线下就诊听诊肺部。", "如果出现呼吸快、口唇发紫请立即去急诊。", "暂时观察，若高热39℃以上不退请就医。"])}`;
    },
  },
  {
    ...{
      id: "zh-consult",
      language: "zh",
      heldOut: true,
      settings: ["inpatient", "primary", "outpatient"],
      detail: usual,
      voice: "clinical",
    },
    write: (w) =>
      `会诊申请单\n申请理由：请儿科会诊协助诊治。简要病情及查体摘要：体征方面，${join([vitals(w), examination(w)])}化验方面，${labs(w) || "尚无结果。"}病史方面，该${w.male ? "男" : "女"}患儿今年${age(w)}，系“${complaint(w)}”就诊，${history(w)}${past(w)}${family(w)}`,
  },
];
