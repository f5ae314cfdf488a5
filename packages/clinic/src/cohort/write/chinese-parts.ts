/** What Chinese notes are put together from: each returns "" or a part that ends as a sentence does. */
import type { Writer } from "./writer.ts";

export const symptoms = [
  ...[
    "coughKind",
    "coughTime",
    "rhinorrhea",
    "sneezing",
    "soreThroat",
    "hoarseness",
    "wheezeHistory",
    "dyspnea",
    "chestPain",
  ],
  ...[
    "vomiting",
    "diarrhea",
    "earPain",
    "urinarySymptoms",
    "convulsion",
    "extremityRash",
    "rashAfterFever",
    "abdominalPain",
  ],
  ...["headache", "cleaningTic"],
];
export const course = [
  "onset",
  "choking",
  "trigger",
  "feltBetterThenWorse",
  "priorAntibioticFailed",
  "bronchodilatorHelped",
  "sickContact",
];
export const general = ["lethargy", "poorIntake"];
export const background = ["previousWheeze", "eczema", "familyAtopy"];
export const throat = [
  "pharynxRed",
  "tonsilExudate",
  "tonsilsLarge",
  "paleTurbinates",
  "throatVesicles",
  "nodes",
  "drumRed",
];
export const lungs = ["coarseBreath", "fineCrackles", "rhonchi", "wheezeHeard", "reducedBreath", "longExpiration"];
export const body = ["retractions", "stridor", "abdomenTender", "dehydration"];
const tests = ["mycoplasmaTest", "influenzaTest", "rsvTest", "film", "pyuria"];
const counts = ["leukocytes", "neutrophilPercent", "lymphocytePercent", "eosinophilPercent", "hemoglobin", "platelets"];

/** A list cut where a note has nothing to say. */
export const join = (parts: readonly string[], mark = "，"): string => parts.filter((part) => part !== "").join(mark);
export const sentence = (parts: readonly string[], mark = "，"): string => {
  const text = join(parts, mark);
  return text === "" ? "" : `${text}。`;
};
export const section = (title: string, text: string): string => (text === "" ? "" : `${title}${text}`);

export function age(w: Writer): string {
  const { ageMonths } = w.patient;
  const years = Math.floor(ageMonths / 12);
  const rest = ageMonths % 12;
  const exact = ageMonths < 24 || (ageMonths < 72 && w.random.chance(0.4));
  w.age(exact ? ageMonths : years * 12);
  if (ageMonths < 12) return w.random.pick([`${ageMonths}个月`, `${ageMonths}月`, `${ageMonths}月龄`]);
  if (!exact || rest === 0) return `${years}岁`;
  return w.random.pick([`${years}岁${rest}个月`, `${years}岁${rest}月`, `${years}岁${rest}个月`]);
}

function span(w: Writer, days: number): string {
  if (days >= 35) return days < 60 ? "1月余" : `${Math.round(days / 30)}${w.random.pick(["个月", "月余"])}`;
  if (days >= 14 && w.random.chance(0.5)) return days % 7 === 0 ? `${days / 7}周` : days > 20 ? "3周余" : "半月";
  return `${days}${w.random.pick(["天", "日", "天"])}`;
}

/** Why the child comes, from what the note tells: fever and cough with their days, else the most telling symptom. */
export function complaint(w: Writer): string {
  const parts: string[] = [];
  const fever = w.is("fever") ? `发热${w.feverDays === undefined ? "" : span(w, w.feverDays)}` : "";
  const cough = w.is("cough") ? `咳嗽${w.coughDays === undefined ? "" : span(w, w.coughDays)}` : "";
  parts.push(...((w.feverDays ?? 0) > (w.coughDays ?? 0) ? [fever, cough] : [cough, fever]).filter(Boolean));
  const others: readonly (readonly [string, string])[] = [
    ...([
      ["convulsion", "抽搐1次"],
      ["diarrhea", "腹泻"],
      ["extremityRash", "手足皮疹"],
      ["earPain", w.patient.ageMonths < 24 ? "抓耳" : "耳痛"],
      ["urinarySymptoms", "尿频"],
    ] as const),
    ...([
      ["choking", "呛咳后不适"],
      ["wheezeHistory", "喘息"],
      ["vomiting", "呕吐"],
      ["abdominalPain", "腹痛"],
      ["rhinorrhea", "流涕"],
    ] as const),
    ...([
      ["soreThroat", "咽痛"],
      ["sneezing", "喷嚏"],
      ["hoarseness", "声嘶"],
      ["poorIntake", "纳差"],
    ] as const),
  ];
  const more = others.filter(([id]) => w.is(id)).slice(0, parts.length === 0 ? 2 : 1);
  if (parts.length === 0 || w.random.chance(0.4)) parts.push(...more.map(([, name]) => name));
  if (parts.length === 0) return w.pick(["家长诉不适1天", "要求就诊评估", "身体不适2天"]);
  return join(parts, w.random.pick(["，", "、", "伴", "，"]));
}

/** Days since the first of fever and cough. */
function longest({ feverDays, coughDays }: Writer): number | undefined {
  return feverDays === undefined && coughDays === undefined ? undefined : Math.max(feverDays ?? 0, coughDays ?? 0);
}

export function heat(w: Writer): string {
  if (!w.is("fever")) return w.pick(["无发热", "病程中无发热", "不伴发热", "体温正常"]);
  const now = w.raw("temperature");
  const top = Math.max(38.1, (now ?? 38) + 0.1, 39 + 0.6 * w.random.normal()).toFixed(1);
  return w.pick([`热峰${top}℃`, `最高体温${top}℃`, `体温最高达${top}度`, "热型不规则", `发热，最高${top}℃`]);
}

export function denial(w: Writer, ids: readonly string[] = [...symptoms, ...course, ...general]): string {
  const all = w.absent(ids);
  if (!w.is("cough")) all.unshift(w.pick(["无咳嗽", "无咳嗽咳痰"]));
  const bare = all.filter((text) => text.startsWith("无")).map((text) => text.slice(1));
  const rest = all.filter((text) => !text.startsWith("无"));
  const list =
    bare.length > 1
      ? `${w.random.pick(["无", "否认", "无", "不伴"])}${bare.slice(0, -1).join("、")}${w.random.pick(["及", "、", "，无"])}${bare.at(-1)}`
      : bare.length
        ? `无${bare[0]}`
        : "";
  return join([list, ...rest]);
}

export function history(w: Writer): string {
  const start = longest(w);
  const opening =
    start === undefined
      ? w.pick(["患儿近日", "患儿"])
      : w.pick([`患儿于${span(w, start)}前`, `${span(w, start)}前患儿`]);
  const cause = w.is("trigger") ? "" : w.pick(["无明显诱因", "受凉后", "", "无明显原因"]);
  // Two symptoms of different ages begin one after the other.
  const { feverDays = 0, coughDays = 0 } = w;
  const apart = feverDays > 0 && coughDays > 0 && feverDays !== coughDays;
  const [early, late] = feverDays > coughDays ? ["发热", "咳嗽"] : ["咳嗽", "发热"];
  const main = apart
    ? `${early}，${span(w, Math.min(feverDays, coughDays))}前出现${late}`
    : join([w.is("fever") ? "发热" : "", w.is("cough") ? "咳嗽" : ""], "、");
  const first = main === "" ? "" : `${opening}${cause}出现${main}`;
  const said = w.present(symptoms);
  return [
    sentence([first, heat(w)]),
    sentence([
      said.length ? `${w.random.pick(["伴", "有", "伴有", ""])}${said.join(w.random.pick(["，", "、", "，"]))}` : "",
    ]),
    sentence(w.present(course)),
    sentence([denial(w, symptoms)]),
    sentence(w.absent(course)),
    treatment(w),
    sentence(
      [...w.present(general), ...w.absent(general), w.pick(["睡眠可", "二便正常", "", "体重无明显变化"])].filter(
        (t) => !(w.is("diarrhea") && t === "二便正常"),
      ),
    ),
  ].join("");
}

function treatment(w: Writer): string {
  if (w.denied("priorAntibioticFailed") || !w.random.chance(0.35)) return "";
  return w.pick([
    "家长予布洛芬混悬液4ml口服。",
    "自服小儿氨酚黄那敏颗粒2天。",
    "曾口服氨溴特罗口服液5ml bid。",
    "在家予退热贴及温水擦浴。",
    "昨晚口服对乙酰氨基酚滴剂1.2ml。",
    "家长自行予止咳糖浆5ml tid。",
    "*予蒲地蓝口服液10ml/次。",
  ]);
}

export function past(w: Writer): string {
  const own = [...w.present(["previousWheeze", "eczema"]), ...w.absent(["previousWheeze", "eczema"])];
  const birth = [
    "足月顺产，出生体重3.2kg",
    "G1P1，足月剖宫产，出生体重3400g",
    "按时预防接种",
    "生长发育同正常同龄儿",
    "12+母乳喂养至10月龄",
  ];
  const ill = [
    "18+去年冬天曾患肺炎住院7天",
    "12+半年前因支气管炎输液治疗",
    "12+既往曾患上呼吸道感染数次",
    "24+1年前患手足口病，已愈",
    "否认手术外伤史",
    "否认药物过敏史",
    "18+去年住院时查CRP 32mg/L，已治愈",
    "青霉素皮试阳性",
  ];
  const extra = [...new Set([w.pick(birth), w.pick(ill), w.pick(ill)])].slice(0, w.random.integer(0, 2));
  if (own.length === 0 && extra.length === 0) return "既往无特殊。";
  return sentence([...own, ...extra]);
}

export function family(w: Writer): string {
  const own = [...w.present(["familyAtopy"]), ...w.absent(["familyAtopy"])];
  const extra = [];
  if (w.random.chance(0.25))
    extra.push(
      w.pick([
        "哥哥去年患肺炎，已治愈",
        "姐姐上月患支气管炎",
        "爷爷有慢性支气管炎",
        "奶奶高血压病史，血压150/90mmHg",
        "父母体健",
        "72+同桌有哮喘，家长担心",
      ]),
    );
  if (w.is("sickContact") && w.random.chance(0.25)) extra.push(w.pick(["母亲昨日发热38.2℃", "弟弟昨晚体温38.9℃"]));
  return sentence([...own, ...extra]);
}

export function examination(w: Writer, mark = "，"): string {
  const neutral = w.pick(["神志清", "神清", "发育正常", "一般情况可"]);
  const upper = [...w.present(throat), ...w.absent(throat)];
  const chest = w.present(lungs);
  const clear = w.denied("fineCrackles") && w.denied("wheezeHeard") && w.random.chance(0.5);
  if (clear) w.absent(["fineCrackles", "wheezeHeard", "rhonchi"]);
  const free = clear ? [w.pick(["双肺未闻及干湿啰音", "两肺未闻及明显啰音", "双肺未闻啰音"])] : w.absent(lungs);
  const others = [...w.present(body), ...w.absent(body)];
  return [
    sentence([w.random.chance(0.5) ? neutral : "", ...upper], mark),
    sentence([...w.absent(["coarseBreath"]), ...chest, ...free, ...w.absent(lungs)], mark),
    sentence([w.pick(["心音有力，律齐", "心律齐，未闻及杂音", "", "心（-）"]), ...others], mark),
  ].join("");
}

export const vitalIds = ["temperature", "heartRate", "respiratoryRate", "saturationDeficit", "weight"];

export function vitals(w: Writer, mark?: string): string {
  return w.values(vitalIds).join(mark ?? w.random.pick(["，", "、", " ", ",", "，"]));
}

export function labs(w: Writer, mark = "，"): string {
  const count = w.values(counts);
  const date = w.maybe(0.2, () => w.pick(["（今日本院）", "（11-05）", "2023-03-12", "（门诊）"]));
  const lines = [
    count.length
      ? `${w.pick(["血常规", "血常规示", "血象", "血常规+CRP"])}${date}${w.random.pick(["：", ":", " ", "："])}${count.join(mark)}`
      : "",
    ...w.values(["crp", "procalcitonin", "sedimentation"]),
    ...w.present(tests),
    ...w.absent(tests),
  ];
  const now = w.raw("leukocytes");
  const before =
    now !== undefined && w.random.chance(0.07)
      ? `${w.random.integer(2, 5)}天前外院${w.other("leukocytes", now * Math.exp(0.25 * w.random.normal()))}`
      : "";
  return sentence([before, ...lines], w.random.pick(["，", "；", "，"]));
}

export function advice(w: Writer, probability = 0.4): string {
  return w.maybe(probability, () =>
    w.pick([
      "若体温超过38.5℃可口服布洛芬混悬液5ml。",
      "如出现气促、精神差随时就诊。",
      "如咳嗽加重或发热超过3天复诊。",
      "多饮水，清淡饮食，3天后复查。",
      "注意观察体温、呼吸，如呼吸>50次/分及时就诊。",
      "建议必要时完善胸片检查。",
      "*不适随诊，勿至人群密集处。",
    ]),
  );
}

export const sex = (w: Writer): string => (w.male ? "男" : "女");
export const lines = (...parts: readonly string[]): string => parts.filter((part) => part !== "").join("\n");
export const short = { history: 0.6, background: 0.35, exam: 0.7, vitals: true };
export const usual = { history: 0.8, background: 0.7, exam: 0.88, vitals: true };
export const full = { history: 0.95, background: 0.95, exam: 0.97, vitals: true };
export const spoken = { history: 0.78, background: 0.5, exam: 0, vitals: false };

/** What a parent says, in sentences. */
export function told(w: Writer): string[] {
  const start = w.coughDays ?? w.feverDays;
  const cough = w.is("cough") ? `咳嗽${w.coughDays === undefined ? "有些天" : span(w, w.coughDays)}了` : "不咳嗽";
  const fever = w.is("fever")
    ? `发烧${w.feverDays === undefined ? "" : `${span(w, w.feverDays)}`}了`
    : w.pick(["没有发烧", "不发烧", "体温一直正常"]);
  const home = w.amount("temperature");
  return [
    ...(w.random.chance(0.5) || start === undefined ? [cough, fever] : [fever, cough]),
    ...(home ? [w.pick([`刚量的体温${home}`, `今天早上量了${home}`, `现在体温${home}`])] : []),
    ...w.present([...symptoms, ...course, ...general]),
    ...w.absent([...symptoms, ...course, ...general]),
    ...w.present(background),
    ...w.absent(background),
  ];
}

export function toldTests(w: Writer): string {
  const count = w.values([...counts, "crp", "procalcitonin", "sedimentation"]);
  const words = [...w.present(tests), ...w.absent(tests)];
  if (count.length + words.length === 0) return "";
  return sentence([
    count.length
      ? `${w.pick(["昨天验了血", "化验单上写着", "查了血常规", "血检结果"])}${w.random.pick(["：", "，"])}${count.join("，")}`
      : "",
    ...words,
  ]);
}
