import { readFileSync } from "node:fs";

/** What an identifier is. */
export const kinds = ["name", "phone", "email", "id", "record", "birth", "address", "hospital", "account"] as const;
export type Kind = (typeof kinds)[number];

/** A stretch of a note that identifies a person or a place. */
export interface Found {
  readonly kind: Kind;
  readonly start: number;
  readonly end: number;
}

interface Words {
  readonly surnames: string;
  readonly compound: readonly string[];
  readonly afterName: string;
  readonly noName: readonly string[];
  readonly genericHospitals: readonly string[];
  readonly hospitalStops: string;
  readonly englishNotNames: readonly string[];
}

const words = JSON.parse(readFileSync(new URL("./words.json", import.meta.url), "utf8")) as Words;
const surnames = `(?:${words.compound.join("|")}|[${words.surnames}])`;
const noName = words.noName;
const afterName = new Set(words.afterName);
const notNames = new Set(words.englishNotNames);

/** A rule: a pattern whose groups `x` are what identifies. Every repetition is bounded, so that time is in proportion to the text. */
interface Rule {
  readonly kind: Kind;
  readonly pattern: RegExp;
  /** Whether what was found is one; and how much of it. */
  accept?(found: string, match: RegExpExecArray): number | boolean;
}

const date = String.raw`(?:(?:19|20)\d{2}\s?[-/.年]\s?\d{1,2}\s?[-/.月]\s?\d{1,2}\s?日?|\d{1,2}[-/.]\d{1,2}[-/.](?:19|20)?\d{2}|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? \d{1,2},? (?:19|20)\d{2}|\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\.? (?:19|20)\d{2})`;
const gap = String.raw`[\s:：为是#.号]{0,4}`;

/** The 18th character of a resident's identity number (GB 11643-1999). */
export function hasValidChecksum(id: string): boolean {
  const weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
  const sum = weights.reduce((total, weight, i) => total + weight * Number(id[i]), 0);
  return "10X98765432"[sum % 11] === id[17].toUpperCase();
}

/** How much of surname and given name is a name: the second character of a given name may be the next word. */
function chineseName(found: string): number | boolean {
  if (noName.some((word) => found.startsWith(word))) return false;
  const surname = words.compound.some((name) => found.startsWith(name)) ? 2 : 1;
  let length = surname;
  while (length < Math.min(found.length, surname + 2) && !afterName.has(found[length])) length++;
  return length > surname ? length : false;
}

function englishName(found: string): number | boolean {
  let length = 0;
  for (const word of found.matchAll(/[A-Z][\p{L}'’.-]{0,20}/gu)) {
    if (!/^[A-Z]\.$/.test(word[0]) && notNames.has(word[0].toLowerCase())) break;
    length = word.index + word[0].length;
  }
  return length > 0 ? (found.slice(0, length).endsWith(".") && length > 3 ? length - 1 : length) : false;
}

const given = String.raw`[\u4e00-\u9fff]{1,2}`;
const capital = String.raw`[A-Z][\p{L}'’-]{1,20}`;
const fullName = String.raw`${capital}(?: (?:[A-Z]\.|${capital})){0,3}`;

/** All rules, the surest first: what one has taken, no later one takes. */
export const rules: readonly Rule[] = [
  { kind: "email", pattern: /(?<x>[\w.+-]{1,40}@[\w-]{1,40}(?:\.[\w-]{1,20}){1,4})/dgu },
  {
    kind: "id",
    pattern:
      /(?<![\dA-Za-z])(?<x>[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx])(?![\dA-Za-z])/dgu,
  },
  {
    kind: "id",
    pattern:
      /(?:身份证号?码?|证件号码?|护照号?码?|医保卡?号?|社保号?|出生证编?号|SSN|Social Security(?: Number)?|passport(?: no\.?| number)?|insurance (?:id|no\.?|number))[\s:：为是#.号]{0,4}(?<x>[A-Za-z0-9][A-Za-z0-9-]{5,20})/dgiu,
  },
  { kind: "id", pattern: /(?<![\d-])(?<x>\d{3}-\d{2}-\d{4})(?![\d-])/dgu },
  {
    kind: "record",
    pattern:
      /(?:住院号|住院登记号|门诊号|门诊病历号|病历号|病案号|登记号|就诊卡号?|就诊号|病员号|床号|检查号|标本号|条码号|ID号|MRN|MR#|medical record(?: number| no\.?)?|record (?:number|no\.?)|patient (?:id|number|no\.?)|chart (?:number|no\.?)|account (?:number|no\.?)|acct\.?(?: no\.?)?|case (?:number|no\.?)|encounter (?:number|no\.?))[\s:：为是#.号]{0,4}(?<x>(?=[A-Za-z0-9-]{0,16}\d)[A-Za-z0-9][A-Za-z0-9-]{1,20})/dgiu,
  },
  {
    kind: "birth",
    pattern: new RegExp(
      String.raw`(?:出生日期|出生年月日?|出生时间|生日|出生于|生于|DOB|D\.O\.B\.?|date of birth|birth ?date|born on|born)${gap}(?<x>${date})`,
      "dgiu",
    ),
  },
  {
    kind: "birth",
    pattern: new RegExp(String.raw`(?<x>${date})(?:出生|生(?![命活化长病])|\(DOB\)| \(date of birth\))`, "dgu"),
  },
  { kind: "phone", pattern: /(?<![\d.])(?<x>(?:\+?86[- ]?)?1[3-9]\d(?:[- ]?\d{4}){2})(?![\d])/dgu },
  { kind: "phone", pattern: /(?<![\d.])(?<x>0\d{2,3}[- ]?\d{7,8}(?:[-转]\d{1,5})?)(?!\d)/dgu },
  { kind: "phone", pattern: /(?<![\d.])(?<x>(?:\+?1[- .]?)?(?:\(\d{3}\) ?|\d{3}[-. ])\d{3}[-. ]\d{4})(?!\d)/dgu },
  { kind: "phone", pattern: /(?<!\w)(?<x>\+\d{1,3}(?:[- ]?\d{2,4}){2,5})(?!\d)/dgu },
  {
    kind: "phone",
    pattern:
      /(?:电话|手机|联系方式|联系电话|Tel|Phone|Mobile|Cell|Fax)[\s:：为是#.号]{0,4}(?<x>\+?\d[\d -]{5,18}\d)/dgiu,
  },
  { kind: "account", pattern: /(?:微信号?|QQ号?|WeChat(?: id)?)[\s:：为是#.号]{1,4}(?<x>[A-Za-z0-9_-]{5,24})/dgiu },
  {
    kind: "address",
    pattern:
      /(?:家庭住址|家庭地址|现住址|居住地|户籍地址|户口地址|住址|地址|籍贯|现住|家住|住在)[\s:：为是]{0,3}(?<x>(?=[^\n，。；,;]{0,60}(?:省|市|区|县|镇|乡|村|路|街|号|巷|弄|小区|苑|园|栋|楼|室|旗|州))[^\n，。；,;\s]{3,60})/dgu,
  },
  {
    kind: "address",
    pattern:
      /(?<x>(?:[\u4e00-\u9fff]{2,7}(?:省|自治区))?[\u4e00-\u9fff]{2,6}(?:市|自治州|地区)?[\u4e00-\u9fff]{1,6}(?:区|县|市|旗)[\u4e00-\u9fff0-9A-Za-z]{1,16}(?:路|街|大道|道|巷|弄|镇|乡|村|小区|胡同)(?:[0-9０-９一二三四五六七八九十]{1,6}(?:号|弄|栋|幢|单元|室|楼|组|-[0-9]{1,4}){1,2}){0,4})/dgu,
  },
  {
    kind: "address",
    pattern:
      /(?<x>[\u4e00-\u9fff]{2,10}(?:路|街|大道|巷|弄|胡同)[0-9０-９]{1,5}号(?:[0-9０-９]{1,4}(?:号楼|栋|幢|单元|室|楼|弄)){0,4})/dgu,
  },
  {
    kind: "address",
    pattern:
      /(?<x>\d{1,6}[A-Z]? (?:[NSEW]\.? )?(?:[A-Z][\p{L}'-]{1,20} ){1,3}(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Way|Terrace|Close|Crescent|Square|Parkway)\b\.?(?:,? (?:Apt|Apartment|Unit|Suite|Flat|#)\.? ?[\w-]{1,6})?(?:, [A-Z][\p{L}'-]{2,20}(?: [A-Z][\p{L}'-]{1,20})?){0,2}(?:,? [A-Z]{2}(?!\p{L}))?(?:,? \d{5}(?:-\d{4})?)?)/dgu,
  },
  {
    kind: "address",
    pattern:
      /(?:Address|lives at|residing at|resides at|home address)[\s:]{0,3}(?<x>\d{1,6} [^\n;]{5,60}?)(?=[.;\n]|$)/dgu,
  },
  {
    kind: "hospital",
    pattern:
      /(?<x>[\u4e00-\u9fff]{1,14}(?:妇幼保健院|妇幼保健计划生育服务中心|卫生服务中心|卫生服务站|中心医院|卫生院|附属第[一二三四五六]医院|医院|诊所))/dgu,
    accept: chineseHospital,
  },
  {
    kind: "hospital",
    pattern:
      /(?<x>(?:(?:[A-Z][\p{L}.'’-]{1,20}|of|the|for|and) ){1,6}(?:Hospital|Medical Center|Medical Centre|Clinic|Infirmary|Health Center|Health Centre)(?: (?:of|for|at) [A-Z][\p{L}'’-]{1,20}){0,2})(?!\p{L})/dgu,
    accept: englishHospital,
  },
  {
    kind: "name",
    pattern:
      /(?:患儿姓名|患者姓名|病人姓名|家长姓名|监护人姓名|监护人|姓名|联系人|家属签名|家属签字|签名|签字|医师签名|医生签名|主治医师|住院医师|主任医师|经治医师|接诊医师|接诊医生|记录者|记录人|病史陈述者|供史者|陈述者|审核者|报告医师|检验者|护士|曾用名|小名|乳名|昵称|责任护士)[\s:：为是]{1,4}(?<x>[\u4e00-\u9fff]{2,4})/dgu,
    accept: (found) => labelledName(found),
  },
  {
    kind: "name",
    pattern: new RegExp(
      String.raw`(?:患儿|患者|病人|其母|其父|母亲|父亲|妈妈|爸爸|奶奶|爷爷|外婆|家长|孩子|宝宝|监护人|女儿|儿子)(?:名叫|叫|姓名|：|:|（|\(| )?\s?(?<x>${surnames}${given})`,
      "dgu",
    ),
    accept: chineseName,
  },
  {
    kind: "name",
    pattern: new RegExp(
      String.raw`(?:^|[\n。；，,;\s])(?<x>${surnames}${given})\s?[，,、]?\s?[（(]?(?:男|女)(?:[，,、。\s)）]|孩|童|性|婴)`,
      "dgu",
    ),
    accept: chineseName,
  },
  {
    kind: "name",
    pattern: new RegExp(String.raw`(?<x>${surnames}(?:某某?|××?|[xX]{1,2}))(?=[，,、。\s（(男女的因于])`, "dgu"),
  },
  {
    kind: "name",
    pattern: new RegExp(
      String.raw`(?<![\u4e00-\u9fff])(?<x>${surnames}[\u4e00-\u9fff]{0,2}?)(?:医生|医师|主任|大夫|教授|护士长|护士|老师|院长|女士|先生|小朋友|宝宝)`,
      "dgu",
    ),
    accept: (found) =>
      !noName.some((word) => found.startsWith(word)) &&
      !/^(主|住|管|值|门|儿|接|小|大|高年资|经)/.test(found) &&
      found.length,
  },
  {
    kind: "name",
    pattern: new RegExp(
      String.raw`(?:Patient(?: name)?|Name|Pt(?: name)?|Mother|Father|Mom|Dad|Guardian|Parent|Next of kin|Emergency contact|Contact|Attending(?: physician)?|Physician|Pediatrician|Paediatrician|Referring physician|Dictated by|Signed by|Signed|Seen by|Nurse|Informant|Provider|PCP|cc)\s?(?:\([a-z ]{1,16}\))?\s?[:#-]\s?(?<x>${fullName}|[A-Z][\p{L}'’-]{1,20}, ${capital}(?: [A-Z]\.?)?)`,
      "dgu",
    ),
    accept: labelledEnglish,
  },
  {
    kind: "name",
    pattern: new RegExp(String.raw`(?<!\p{L})(?:Dr|Mr|Mrs|Ms|Miss|Prof|Doctor|Nurse)\.? (?<x>${fullName})`, "dgu"),
    accept: englishName,
  },
  {
    kind: "name",
    pattern: new RegExp(
      String.raw`(?<!\p{L})(?<x>${fullName}),? (?:M\.?D\.?|D\.?O\.?|R\.?N\.?|N\.?P\.?|P\.?A\.?(?:-C)?|MBBS|FRCPCH|Ph\.?D\.?)(?!\p{L})`,
      "dgu",
    ),
    accept: englishName,
  },
  {
    kind: "name",
    pattern: new RegExp(
      String.raw`(?<!\p{L})(?<x>${capital} (?:[A-Z]\. )?${capital}) (?:is|was) an? [^.\n]{0,20}?(?:\d{1,3}|year|month|week|day|newborn|boy|girl|infant|male|female)`,
      "dgu",
    ),
    accept: (found) => englishName(found) === found.length,
  },
  {
    kind: "name",
    pattern: new RegExp(
      String.raw`(?:[Mm]other|[Ff]ather|[Gg]randmother|[Gg]randfather|[Pp]atient|[Pp]arents?|[Bb]rother|[Ss]ister|[Ss]on|[Dd]aughter|named|called|I saw|we saw|by)(?:,| is| named)? (?<x>${capital}(?: ${capital}){1,2})(?!\p{L})`,
      "dgu",
    ),
    accept: (found) => englishName(found) === found.length,
  },
];

function labelledName(found: string): number | boolean {
  const name = chineseName(found);
  if (name === false && !new RegExp(`^${surnames}`).test(found)) {
    // A label says that a name follows: a surname of no list is one all the same.
    let length = 1;
    while (length < Math.min(3, found.length) && !afterName.has(found[length])) length++;
    return length > 1 && !/^(未|不|无|暂|同|本|父|母|家|医|护|患|请|可靠)/.test(found) ? length : false;
  }
  return name;
}

function labelledEnglish(found: string): number | boolean {
  if (found.includes(", ") && found.split(", ").every((part) => !notNames.has(part.toLowerCase()))) return true;
  return englishName(found);
}

/** The name of a hospital within what leads to it: nothing where only a kind of hospital is said. */
function chineseHospital(found: string): number | boolean {
  const suffix =
    /(?:妇幼保健院|妇幼保健计划生育服务中心|卫生服务中心|卫生服务站|中心医院|卫生院|附属第[一二三四五六]医院|医院|诊所)$/.exec(
      found,
    )![0];
  let head = found.slice(0, found.length - suffix.length);
  let cut = 0;
  for (let at = head.length - 1; at >= 0; at--)
    if (words.hospitalStops.includes(head[at]) && !/[前上家]/.test(head[at] === "前" ? "" : "")) {
      cut = at + 1;
      break;
    }
  head = head.slice(cut);
  if (head.length < 2 || words.genericHospitals.includes(head)) return false;
  return -cut || true;
}

function englishHospital(found: string): number | boolean {
  const first = found.split(" ")[0].toLowerCase();
  const parts = found.split(" ").filter((word) => /^[A-Z]/.test(word));
  const own = parts.filter(
    (word) =>
      !/^(The|Our|This|Emergency|Outpatient|Inpatient|Local|Hospital|Clinic|Medical|Center|Centre|Health|Children's|Pediatric|In|At|From)$/.test(
        word,
      ),
  );
  if (own.length === 0) return false;
  const lead = /^(?:the|of|for|and|The|At|In|From|To|Our) /.exec(found);
  return lead && first !== parts[0]?.toLowerCase() ? -lead[0].length : true;
}
