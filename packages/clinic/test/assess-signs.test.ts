/** Signs of danger: found when the patient has them now; not found when denied, supposed, asked, past or another's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { findRedFlags } from "../src/assess/red-flags/index.ts";
import { scopeReasons } from "../src/assess/scope/index.ts";
import { ageOf, extract } from "../src/index.ts";

function codesOf(text: string, age?: number): string[] {
  const items = extract(text);
  return findRedFlags(text, items, age ?? ageOf(items)).map(({ code }) => code);
}

/** A sentence, and the signs that it states. */
const present: readonly (readonly [string, ...string[]])[] = [
  ["患儿拒奶，哭声弱。", "cannot-drink"],
  ["不能饮水，精神差。", "cannot-drink"],
  ["孩子水都喝不了。", "cannot-drink"],
  ["今日起不吃不喝，尿少。", "cannot-drink"],
  ["昨起嗜睡，纳差。", "lethargy"],
  ["家属诉叫不醒半小时。", "lethargy"],
  ["入院时意识不清。", "lethargy"],
  ["精神萎靡，面色欠佳。", "drowsy"],
  ["反应差，哭声低弱。", "drowsy"],
  ["发热第2天抽搐1次，持续约3分钟。", "convulsions"],
  ["突发惊厥，双眼上翻，口吐白沫。", "convulsions"],
  ["无明显诱因出现抽搐。", "convulsions"],
  ["病程中有惊厥发作，无咳嗽。", "convulsions"],
  ["吃什么吐什么，尿量减少。", "vomits-everything"],
  ["喝水就吐，已6次。", "vomits-everything"],
  ["安静时可闻及喉鸣，三凹征阳性。", "stridor-calm", "chest-indrawing"],
  ["安静状态下喉喘鸣明显。", "stridor-calm"],
  ["哭闹时有喉鸣。", "stridor"],
  ["口唇发绀，鼻翼扇动。", "cyanosis", "nasal-flaring"],
  ["口周青紫，四肢冰凉。", "cyanosis", "cold-extremities"],
  ["嘴唇发紫，呼吸快。", "cyanosis"],
  ["查体：口唇微绀，双肺可闻及湿啰音。", "cyanosis"],
  ["三凹征（+），双肺哮鸣音。", "chest-indrawing"],
  ["吸气性三凹征阳性。", "chest-indrawing"],
  ["可见胸骨上窝凹陷。", "chest-indrawing"],
  ["明显三凹征，点头样呼吸。", "severe-respiratory-distress"],
  ["呼吸急促，伴呻吟。", "grunting"],
  ["鼻翼煽动，呻吟样呼吸。", "grunting", "nasal-flaring"],
  ["双肺呼吸音消失，呈沉默肺。", "silent-chest"],
  ["出现呼吸暂停2次，每次约15秒。", "apnoea"],
  ["四肢厥冷，脉搏细弱，皮肤花斑。", "shock"],
  ["毛细血管再充盈时间4秒。", "capillary-refill"],
  ["末梢循环差，CRT 5s。", "shock", "capillary-refill"],
  ["前囟隆起，颈抵抗。", "meningism"],
  ["无发热，但口唇发绀明显。", "cyanosis"],
  ["没有咳嗽，现抽搐不止。", "convulsions"],
  ["宝宝老是抽搐怎么办？", "convulsions"],
  ["有没有抽搐？\n有的，昨晚抽了一次", "convulsions"],
  ["既往有热性惊厥史，今日再次抽搐2次。", "convulsions"],
  ["否认药物过敏史。\n体格检查：三凹征阳性。", "chest-indrawing"],
  ["既往史：健康。\n查体：口唇紫绀。", "cyanosis"],
  ["不除外惊厥发作。", "convulsions"],
  ["Unable to drink since this morning.", "cannot-drink"],
  ["She is refusing all feeds.", "cannot-drink"],
  ["The infant has stopped breastfeeding.", "cannot-drink"],
  ["He is not drinking at all.", "cannot-drink"],
  ["Lethargic and pale on arrival.", "lethargy"],
  ["No fever, lethargic, poor tone.", "lethargy"],
  ["Mother reports he is hard to wake.", "lethargy"],
  ["He became unresponsive.", "lethargy"],
  ["Had a generalized seizure lasting 3 minutes today.", "convulsions"],
  ["Two convulsions since yesterday; no rash.", "convulsions"],
  ["She vomits everything she is given.", "vomits-everything"],
  ["Cannot keep anything down.", "vomits-everything"],
  ["Stridor at rest with a barking cough.", "stridor-calm"],
  ["Audible stridor when crying.", "stridor"],
  ["Perioral cyanosis noted.", "cyanosis"],
  ["His lips turned blue during the coughing fit.", "cyanosis"],
  ["Cyanotic on room air.", "cyanosis"],
  ["Moderate subcostal retractions and nasal flaring.", "chest-indrawing", "nasal-flaring"],
  ["Lower chest wall indrawing is seen.", "chest-indrawing"],
  ["Severe intercostal recession.", "severe-respiratory-distress"],
  ["Grunting with each breath.", "grunting"],
  ["There is no air entry on the right; silent chest.", "silent-chest"],
  ["Apneic episodes reported by the nurse.", "apnoea"],
  ["He stopped breathing for 20 seconds.", "apnoea"],
  ["Mottled skin, weak pulses, capillary refill 5 seconds.", "shock", "capillary-refill"],
  ["Capillary refill time of 4 sec.", "capillary-refill"],
  ["Bulging fontanelle.", "meningism"],
  ["No cough or wheeze, but has marked retractions.", "severe-respiratory-distress"],
  ["Denies pain. Seizing on arrival.", "convulsions"],
  ["PAST MEDICAL HISTORY: Healthy.\nPHYSICAL EXAM: Retractions present.", "chest-indrawing"],
  ["History of asthma, now with severe respiratory distress.", "severe-respiratory-distress"],
  ["Unable to complete sentences.", "severe-respiratory-distress"],
];

for (const [text, ...codes] of present)
  test(`present: ${text.replaceAll("\n", " / ")}`, () => {
    const found = codesOf(text);
    for (const code of codes) assert.ok(found.includes(code), `${code} is not among ${found.join(", ") || "none"}`);
  });

/** Sentences that state no sign of danger. */
const none: readonly string[] = [
  "无惊厥。",
  "无发热、抽搐、嗜睡。",
  "无寒战，抽搐等不适。",
  "否认惊厥、发绀，抽搐。",
  "病程中无抽搐，无意识障碍。",
  "未见发绀，三凹征阴性。",
  "口唇无发绀，无鼻翼扇动，三凹征（-）。",
  "三凹征(－)，双肺呼吸音清。",
  "发绀：无。惊厥：无。",
  "抽搐没有，咳嗽有。",
  "没有抽搐。",
  "从来没有过惊厥。",
  "不嗜睡，精神可。",
  "如出现惊厥、发绀，及时就诊。",
  "若有嗜睡、拒奶，立即来院。",
  "出现呼吸暂停、口唇发紫时应及时就医。",
  "一旦抽搐要马上送医。",
  "注意观察有无鼻翼扇动。",
  "担心他抽搐。",
  "一般超过38度5可能会导致孩子出现抽搐。",
  "既往有热性惊厥史。",
  "既往史：1岁时惊厥1次。",
  "去年曾抽搐一次。",
  "2年前有高热惊厥。",
  "惊厥史阳性。",
  "家族史：母亲幼时有惊厥。",
  "哥哥有热性惊厥。",
  "有没有抽搐？",
  "有没有抽搐？\n没有",
  "有抽搐吗？\n没有，就是咳嗽",
  "抽搐了吗",
  "建议：观察精神，嗜睡或发绀随时复诊。",
  "毛细血管再充盈时间2秒。",
  "毛细血管再充盈时间<3秒。",
  "CRT 1s，四肢暖。",
  "安静时无喉鸣。",
  "睡眠呼吸暂停待查。",
  "神志清，反应可。",
  "无呼吸困难，无呻吟。",
  "未诉呼吸困难，无吸气性凹陷。",
  "目前没有发绀的情况。",
  "无明显三凹征。",
  "为预防惊厥予退热。",
  "喝水正常，没有拒奶。",
  "No convulsions.",
  "No fever, seizures, or cyanosis.",
  "Denies seizures, apnea, or loss of consciousness.",
  "There is no cyanosis, clubbing, or edema.",
  "No retractions, nasal flaring or grunting.",
  "Without stridor or retractions.",
  "He is not lethargic.",
  "She has never had a seizure.",
  "Negative for seizures.",
  "Seizures: none.",
  "Stridor is absent.",
  "Retractions not present.",
  "Return if he has a seizure or turns blue.",
  "If convulsions occur, come back.",
  "Watch for grunting, retractions, and cyanosis.",
  "Should he become lethargic, call the clinic.",
  "History of febrile seizures at age 2.",
  "She had a febrile seizure two years ago.",
  "PAST MEDICAL HISTORY: Febrile seizure at 14 months.",
  "FAMILY HISTORY: Brother has seizures.",
  "Her mother has a seizure disorder.",
  "Does he have apnea?",
  "Seizure precautions were reviewed.",
  "Obstructive sleep apnea.",
  "Capillary refill less than 2 seconds.",
  "Capillary refill is brisk, 2 seconds.",
  "Non-toxic appearing, alert.",
  "Nontoxic appearing.",
  "The lungs are clear without retractions.",
  "No respiratory distress.",
  "No evidence of shock.",
  "Alert, acyanotic, well perfused.",
  "Discharge instructions: return for lethargy, grunting or blue lips.",
];

for (const text of none) test(`none: ${text.replaceAll("\n", " / ")}`, () => assert.deepEqual(codesOf(text, 24), []));

const measured: readonly (readonly [string, number, ...string[]])[] = [
  ["SpO2 88%。", 24, "spo2-low"],
  ["血氧饱和度91%。", 24, "spo2-low"],
  ["SpO2 97%，呼吸24次/分。", 24],
  ["R 62次/分。", 1, "fast-breathing"],
  ["R 58次/分。", 1],
  ["R 50次/分。", 6, "fast-breathing"],
  ["R 49次/分。", 6],
  ["呼吸40次/分。", 12, "fast-breathing"],
  ["呼吸39次/分。", 59],
  ["RR 42.", 60],
  ["RR 52.", 100, "fast-breathing"],
  ["BP 65/40 mmHg.", 24, "low-blood-pressure"],
  ["BP 95/60 mmHg.", 24],
  ["T 38.6℃。", 2, "young-infant-fever"],
  ["发热1天。", 2, "young-infant-fever"],
  ["无发热。", 2],
  ["发热1天。", 5],
  ["T 35.0℃。", 1, "young-infant-cold"],
  ["SpO2 < 90 %.", 24, "spo2-low"],
  ["若SpO2低于90%需吸氧。", 24],
];

for (const [text, age, ...codes] of measured)
  test(`at ${age} months: ${text}`, () => assert.deepEqual(codesOf(text, age), codes));

test("an emergency comes before what is urgent, and a grave sign says the lesser one too", () => {
  const flags = findRedFlags(
    "RR 62, stridor at rest, SpO2 85%. Hypoxic.",
    extract("RR 62, stridor at rest, SpO2 85%."),
    3,
  );
  assert.deepEqual(
    flags.map(({ code, severity }) => [code, severity]),
    [
      ["spo2-low", "emergency"],
      ["stridor-calm", "emergency"],
      ["fast-breathing", "urgent"],
    ],
  );
});

test("a flag quotes the note", () => {
  const text = "１岁，口唇发绀。";
  const [flag] = findRedFlags(text, [], 12);
  for (const span of flag.spans) assert.equal(span.text, text.slice(span.start, span.end));
  assert.match(flag.source, /World Health Organization/);
});

const scopes: readonly (readonly [string, number | undefined, ...string[]])[] = [
  ["咳嗽3天，发热。", 36],
  ["无咳嗽，腹泻3天。", 36, "not-respiratory"],
  ["腹痛、呕吐1天，否认咳嗽、流涕。", 36, "not-respiratory"],
  ["咳嗽3天。", undefined, "age-unknown"],
  ["咳嗽3天。", 216, "adult"],
  ["Fell off a bike. No cough, wheeze or shortness of breath.", 100, "not-respiratory"],
  ["Cough and runny nose for two days.", 30],
  ["宝宝吃肺炎疫苗后发热。", 10, "not-respiratory"],
  ["咽部充血，发热2天。", 30],
  ["既往患肺炎。腹泻2天。", 30, "not-respiratory"],
  ["有没有咳嗽？\n没有", 30, "not-respiratory"],
  ["有没有咳嗽？\n有点", 30],
];

for (const [text, age, ...reasons] of scopes)
  test(`scope: ${text.replaceAll("\n", " / ")}`, () => assert.deepEqual(scopeReasons(text, age), reasons));
