/** Synthetic identifiers, planted in notes: none is a real person's. Seeded. */
export type Random = () => number;

export interface Planted {
  readonly text: string;
  readonly identifiers: readonly {
    readonly kind: string;
    readonly start: number;
    readonly end: number;
    readonly hard: boolean;
  }[];
}

const pick = <T>(list: ArrayLike<T>, random: Random): T => list[Math.floor(random() * list.length)];
const digits = (count: number, random: Random): string =>
  Array.from({ length: count }, () => Math.floor(random() * 10)).join("");

const commonSurnames =
  "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾肖田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤".split(
    "",
  );
const rareSurnames = [
  "仝",
  "亓",
  "逄",
  "臧",
  "昝",
  "晁",
  "敬",
  "蔺",
  "岑",
  "巩",
  "寇",
  "仇",
  "栾",
  "冀",
  "郏",
  "卓",
  "蒲",
  "屠",
  "麻",
  "晏",
  "柏",
  "瞿",
  "阎",
  "褚",
  "娄",
  "芮",
  "井",
  "郜",
  "佟",
  "苟",
  "欧阳",
  "上官",
  "司徒",
  "诸葛",
];
const givenCharacters =
  "沐宸浩宇梓涵一诺雨桐欣怡子轩思远佳琪文博语嫣俊熙可馨天佑若曦睿泽诗涵明哲静雅建国秀兰志强丽华玉梅海燕春生桂芳立新".split(
    "",
  );
const firstNames = [
  "Aarav",
  "Olivia",
  "Noah",
  "Priya",
  "Mateo",
  "Zoë",
  "Liam",
  "Amara",
  "Kofi",
  "Sofia",
  "Ethan",
  "Hana",
  "Dmitri",
  "Chloe",
  "Jamal",
  "Ingrid",
  "Luca",
  "Mei",
  "Tomás",
  "Grace",
  "Rosa",
  "Will",
  "Faith",
  "Hunter",
];
const lastNames = [
  "Okafor",
  "Nguyen",
  "Kowalski",
  "García",
  "Thompson",
  "Patel",
  "O'Brien",
  "Haddad",
  "Lindqvist",
  "Moreau",
  "Chen",
  "Adeyemi",
  "Fischer",
  "Baptiste",
  "Kim",
  "MacLeod",
  "Silva",
  "Novak",
  "Baker",
  "Young",
  "Price",
  "Day",
  "Van Dyke",
];

function chineseName(random: Random): string {
  const surname = random() < 0.8 ? pick(commonSurnames, random) : pick(rareSurnames, random);
  const count = random() < 0.8 ? 2 : 1;
  return surname + Array.from({ length: count }, () => pick(givenCharacters, random)).join("");
}

const englishName = (random: Random): string =>
  `${pick(firstNames, random)} ${random() < 0.2 ? `${String.fromCharCode(65 + Math.floor(random() * 26))}. ` : ""}${pick(lastNames, random)}`;

function residentId(random: Random): string {
  const body = `${pick(["330106", "110105", "440305", "510104", "320583"], random)}20${digits(2, random)}${pick(["01", "05", "09", "12"], random)}${pick(["03", "17", "28"], random)}${digits(3, random)}`;
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  return body + "10X98765432"[weights.reduce((sum, w, i) => sum + w * Number(body[i]), 0) % 11];
}

function chineseAddress(random: Random): string {
  const city = pick(
    [
      "浙江省杭州市余杭区",
      "四川省成都市青羊区",
      "广东省深圳市福田区",
      "江苏省昆山市",
      "北京市朝阳区",
      "河南省郑州市中原区",
      "湖南省浏阳市",
    ],
    random,
  );
  const street = pick(
    ["莫干山路", "人民南路", "建设大道", "翠竹街道", "柏庐中路", "望江东路", "解放街", "花园村"],
    random,
  );
  const number = `${1 + Math.floor(random() * 300)}号`;
  const unit =
    random() < 0.5
      ? `${1 + Math.floor(random() * 20)}幢${1 + Math.floor(random() * 3)}单元${101 + Math.floor(random() * 900)}室`
      : "";
  return `${random() < 0.7 ? city : ""}${street}${number}${unit}`;
}

const chineseHospital = (random: Random): string =>
  pick(["余杭", "浙江省", "杭州市第三", "昆山市", "仁济", "华西", "成都市青羊区", "广安", "瑞安市", "同德"], random) +
  pick(["人民医院", "妇幼保健院", "中医院", "儿童医院", "中心卫生院", "社区卫生服务中心", "医院"], random);

const chinesePhone = (random: Random): string => {
  const mobile = `1${pick(["38", "59", "77", "86", "99"], random)}${digits(8, random)}`;
  const form = random();
  if (form < 0.6) return mobile;
  if (form < 0.8) return `${mobile.slice(0, 3)}-${mobile.slice(3, 7)}-${mobile.slice(7)}`;
  return `0${pick(["571", "10", "28", "755"], random)}-${pick(["8", "6"], random)}${digits(7, random)}`;
};

const englishPhone = (random: Random): string => {
  const [a, b, c] = [`${2 + Math.floor(random() * 8)}${digits(2, random)}`, "555", digits(4, random)];
  return pick([`(${a}) ${b}-${c}`, `${a}-${b}-${c}`, `${a}.${b}.${c}`, `+1 ${a} ${b} ${c}`], random);
};

const birthZh = (random: Random): string =>
  pick(
    [
      `201${digits(1, random)}年${1 + Math.floor(random() * 12)}月${1 + Math.floor(random() * 28)}日`,
      `201${digits(1, random)}-0${1 + Math.floor(random() * 9)}-1${digits(1, random)}`,
      `202${Math.floor(random() * 5)}.0${1 + Math.floor(random() * 9)}.2${Math.floor(random() * 9)}`,
    ],
    random,
  );

const birthEn = (random: Random): string =>
  pick(
    [
      `0${1 + Math.floor(random() * 9)}/1${digits(1, random)}/201${digits(1, random)}`,
      `March 1${digits(1, random)}, 201${digits(1, random)}`,
      `201${digits(1, random)}-0${1 + Math.floor(random() * 9)}-2${Math.floor(random() * 9)}`,
      `1${digits(1, random)} Jun 202${Math.floor(random() * 4)}`,
    ],
    random,
  );

const record = (random: Random): string =>
  pick(
    [digits(7, random), `ZY${digits(8, random)}`, `${digits(2, random)}-${digits(5, random)}`, `0${digits(9, random)}`],
    random,
  );
const email = (random: Random): string =>
  `${pick(["amara.k", "wanglili", "parent_88", "m.silva+er"], random)}@${pick(["example.com", "mail.example.org", "example.cn"], random)}`;

/** A sentence with one identifier: its place is {}. `hard`: nothing beside it says what it is. */
interface Template {
  readonly kind: string;
  readonly text: string;
  readonly make: (random: Random) => string;
  readonly hard?: boolean;
}

const englishAddress = (random: Random): string =>
  `${1 + Math.floor(random() * 2000)} ${pick(["Maple", "Old Mill", "Kingsway", "St. Anne's", "Harbour View"], random)} ${pick(["Street", "Avenue", "Road", "Lane", "Drive", "Ct"], random)}${random() < 0.6 ? `, ${pick(["Fairview", "Port Henry", "Leeds"], random)}` : ""}`;
const englishHospital = (random: Random): string =>
  `${pick(["Riverside", "St. Mary's", "Mercy", "Kilburn", "Great Lakes"], random)} ${pick(["Hospital", "Medical Center", "Children's Hospital", "Family Clinic"], random)}`;

const of = (kind: string, make: Template["make"], texts: readonly string[], hard = false): Template[] =>
  texts.map((text) => ({ kind, make, text, hard }));

const templates: Readonly<Record<"zh" | "en", readonly Template[]>> = {
  zh: [
    ...of("name", chineseName, [
      "姓名：{}，性别：女。",
      "{}，男，收入院。",
      "患儿{}，因病来诊。",
      "病史由其母{}提供。",
      "家长签名：{}",
      "主治医师：{}",
      "父亲{}在外地工作。",
    ]),
    ...of("name", chineseName, ["昨晚{}又发烧了。", "经{}同意后检查。"], true),
    ...of("phone", chinesePhone, ["联系电话：{}。", "妈妈手机{}，可随时联系。", "电话 {}"]),
    ...of("id", residentId, ["身份证号：{}。", "证件{}。"]),
    ...of("record", record, ["住院号：{}。", "门诊号 {}，", "病案号{}。", "登记号：{}"]),
    ...of("birth", birthZh, ["出生日期：{}。", "患儿{}出生。", "生于{}，足月顺产。"]),
    ...of("address", chineseAddress, ["家庭住址：{}。", "现住{}。", "地址 {}，"]),
    ...of("address", chineseAddress, ["从{}赶来。"], true),
    ...of("hospital", chineseHospital, ["曾于{}住院治疗。", "在{}查血常规。", "由{}转来我院。"]),
    ...of("email", email, ["邮箱：{}。"]),
  ],
  en: [
    ...of("name", englishName, [
      "Patient name: {}.",
      "{} is a 3-year-old boy.",
      "Mother: {}.",
      "Seen by Dr. {}.",
      "Signed, {}, MD.",
      "Guardian - {}",
      "Patient {} was brought in.",
    ]),
    ...of("name", englishName, ["We rang {} back at noon.", "Consent was given by the aunt, {}."], true),
    ...of("name", (random) => pick(firstNames, random), ["{} has been tired."], true),
    ...of("phone", englishPhone, ["Phone: {}.", "Call back on {}.", "Mother's cell {}"]),
    ...of("id", (random) => `${digits(3, random)}-${digits(2, random)}-${digits(4, random)}`, ["SSN: {}."]),
    ...of("record", record, ["MRN: {}.", "Medical record number {}.", "Account # {}."]),
    ...of("birth", birthEn, ["DOB: {}.", "Date of birth {}.", "Born on {} at term."]),
    ...of("address", englishAddress, ["Address: {}.", "The family lives at {}."]),
    ...of("hospital", englishHospital, ["Referred from {}.", "Was admitted to {} last week."]),
    ...of("email", email, ["Email: {}."]),
  ],
};

/** A note with several identifying sentences, each at a line of its own or between two lines of the note. */
export function plant(note: string, language: "zh" | "en", random: Random): Planted {
  const lines = note.split("\n");
  const chosen = Array.from({ length: 4 }, () => pick(templates[language], random));
  const inserted = chosen.map(({ kind, text, make, hard = false }) => {
    const identifier = make(random);
    return {
      kind,
      hard,
      identifier,
      sentence: text.replace("{}", () => identifier),
      offset: text.indexOf("{}"),
      before: Math.floor(random() * (lines.length + 1)),
    };
  });
  let out = "";
  const identifiers: { kind: string; start: number; end: number; hard: boolean }[] = [];
  for (let line = 0; line <= lines.length; line++) {
    for (const { kind, hard, identifier, sentence, offset, before } of inserted) {
      if (before !== line) continue;
      const start = out.length + offset;
      identifiers.push({ kind, hard, start, end: start + identifier.length });
      out += `${sentence}${random() < 0.5 ? "\n" : language === "zh" ? "" : " "}`;
    }
    if (line < lines.length) out += `${lines[line]}\n`;
  }
  return { text: out, identifiers };
}
