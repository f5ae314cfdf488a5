/** What English notes are put together from: each returns "" or a part that ends as a sentence does. */
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
  ...["headache", "cleaningTic", "lethargy", "poorIntake"],
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
export const background = ["previousWheeze", "eczema", "familyAtopy"];
const throat = ["pharynxRed", "tonsilExudate", "tonsilsLarge", "paleTurbinates", "throatVesicles", "nodes", "drumRed"];
const lungs = ["coarseBreath", "fineCrackles", "rhonchi", "wheezeHeard", "reducedBreath", "longExpiration"];
const body = ["retractions", "stridor", "abdomenTender", "dehydration"];
const tests = ["mycoplasmaTest", "influenzaTest", "rsvTest", "film", "pyuria"];
const counts = ["leukocytes", "neutrophilPercent", "lymphocytePercent", "eosinophilPercent", "hemoglobin", "platelets"];
const vitalIds = ["temperature", "heartRate", "respiratoryRate", "saturationDeficit", "weight"];

export const join = (parts: readonly string[], mark = ", "): string => parts.filter((part) => part !== "").join(mark);
export const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);
export const sentence = (parts: readonly string[], mark = ", "): string => {
  const text = join(parts, mark);
  return text === "" ? "" : `${capital(text)}. `;
};
export const section = (title: string, text: string): string => (text.trim() === "" ? "" : `${title}${text.trim()}`);
export const lines = (...parts: readonly string[]): string =>
  parts
    .map((part) => part.trim())
    .filter((part) => part !== "")
    .join("\n");
/** a, b and c. */
const list = (parts: readonly string[], word = "and"): string =>
  parts.length < 2 ? (parts[0] ?? "") : `${parts.slice(0, -1).join(", ")} ${word} ${parts.at(-1)}`;

/** "8-month-old"; `short` gives "8mo". */
export function age(w: Writer, short = false): string {
  const { ageMonths } = w.patient;
  const months = ageMonths < 24;
  w.age(months ? ageMonths : Math.floor(ageMonths / 12) * 12);
  const number = months ? ageMonths : Math.floor(ageMonths / 12);
  if (short)
    return months
      ? w.random.pick([`${number}mo`, `${number} mo`, `${number} m/o`])
      : w.random.pick([`${number}yo`, `${number} y/o`, `${number}y`]);
  return months ? `${number}-month-old` : `${number}-year-old`;
}

const he = (w: Writer): string => (w.male ? "he" : "she");
const He = (w: Writer): string => capital(he(w));
export const sex = (w: Writer): string => (w.male ? "male" : "female");
export const child = (w: Writer): string => (w.male ? "boy" : "girl");

function span(w: Writer, days: number): string {
  if (days >= 56) return `${Math.round(days / 30)} months`;
  if (days >= 14 && w.random.chance(0.6)) return `${Math.round(days / 7)} weeks`;
  return days === 1 ? "1 day" : `${days} days`;
}

export function complaint(w: Writer): string {
  const cough = w.is("cough")
    ? w.coughDays === undefined
      ? "cough"
      : w.pick([`cough for ${span(w, w.coughDays)}`, `cough x ${span(w, w.coughDays)}`])
    : "";
  const fever = w.is("fever")
    ? w.feverDays === undefined
      ? "fever"
      : w.pick([`fever for ${span(w, w.feverDays)}`, `fever x ${span(w, w.feverDays)}`])
    : "";
  const parts = ((w.feverDays ?? 0) > (w.coughDays ?? 0) ? [fever, cough] : [cough, fever]).filter(Boolean);
  const others: readonly (readonly [string, string])[] = [
    ...([
      ["convulsion", "a seizure"],
      ["diarrhea", "diarrhea"],
      ["extremityRash", "rash on hands and feet"],
      ["earPain", w.patient.ageMonths < 24 ? "ear tugging" : "ear pain"],
    ] as const),
    ...([
      ["urinarySymptoms", "painful urination"],
      ["choking", "a choking episode"],
      ["wheezeHistory", "wheezing"],
      ["vomiting", "vomiting"],
    ] as const),
    ...([
      ["abdominalPain", "abdominal pain"],
      ["rhinorrhea", "runny nose"],
      ["soreThroat", "sore throat"],
      ["sneezing", "sneezing"],
    ] as const),
    ...([
      ["hoarseness", "hoarse voice"],
      ["poorIntake", "poor feeding"],
    ] as const),
  ];
  const more = others.filter(([id]) => w.is(id)).slice(0, parts.length === 0 ? 2 : 1);
  if (parts.length === 0 || w.random.chance(0.4)) parts.push(...more.map(([, name]) => name));
  return parts.length === 0 ? w.pick(["not feeling well", "parental concern", "unwell since yesterday"]) : list(parts);
}

export function heat(w: Writer): string {
  if (!w.is("fever")) return w.pick(["no fever", "afebrile at home", "no fevers reported"]);
  const top = Math.max(38.1, (w.raw("temperature") ?? 38) + 0.1, 39 + 0.6 * w.random.normal());
  return w.pick([
    `fever to ${top.toFixed(1)} C at home`,
    `Tmax ${(top * 1.8 + 32).toFixed(1)} F`,
    `Tmax ${top.toFixed(1)}`,
    "fever on and off",
    `fevers up to ${(top * 1.8 + 32).toFixed(0)} F`,
  ]);
}

/** Everything denied, as one list: "no" taken off what has it. */
export function denied(
  w: Writer,
  ids: readonly string[] = [...symptoms, ...course],
): { readonly nouns: string[]; readonly rest: string[] } {
  const all = w.absent(ids);
  if (!w.is("cough")) all.unshift("no cough");
  return {
    nouns: all.filter((text) => text.startsWith("no ")).map((text) => text.slice(3)),
    rest: all.filter((text) => !text.startsWith("no ")),
  };
}

export function denial(w: Writer, ids: readonly string[] = [...symptoms, ...course]): string {
  const { nouns, rest } = denied(w, ids);
  const word = w.pick(["Denies", "There has been no", "No", "Negative for", "Parents deny"]);
  return `${nouns.length ? `${word} ${list(nouns, w.pick(["or", "and", "or"]))}. ` : ""}${sentence(rest)}`;
}

export function history(w: Writer): string {
  const said = w.present(symptoms);
  const more = w.present(course);
  return [
    w.is("fever") || w.is("cough")
      ? `${He(w)} ${w.pick(["presents with", "developed", "has had", "was brought in with"])} ${complaint(w)}. `
      : `Brought in for ${complaint(w)}. `,
    sentence([heat(w)]),
    said.length
      ? `${w.pick(["Associated with", "There is also", "Parents report", "Mother notes", "Also"])} ${list(said)}. `
      : "",
    more.length ? `${w.pick(["History notable for", "Mother describes", "Of note,", "There is"])} ${list(more)}. ` : "",
    denial(w, symptoms),
    sentence(w.absent(course)),
    treatment(w),
  ].join("");
}

function treatment(w: Writer): string {
  if (w.denied("priorAntibioticFailed") || !w.random.chance(0.35)) return "";
  return w.pick([
    "Given ibuprofen 100 mg at home. ",
    "Tylenol 160 mg/5 mL, 5 mL given this morning. ",
    "Parents tried an over-the-counter cough syrup, 5 mL twice a day. ",
    "Last dose of acetaminophen 4 hours ago. ",
    "Using saline nose drops and a humidifier. ",
    "*Honey and steam were tried at home. ",
  ]);
}

export function past(w: Writer): string {
  const own = [...w.present(["previousWheeze", "eczema"]), ...w.absent(["previousWheeze", "eczema"])];
  const birth = [
    "born at term, birth weight 3.2 kg",
    "immunizations up to date",
    "no surgeries",
    "no known drug allergies",
    "uncomplicated delivery at 39 weeks",
  ];
  const ill = [
    "18+hospitalized for pneumonia last winter",
    "12+treated for bronchitis 6 months ago",
    "24+two ear infections last year",
    "36+CRP was 32 mg/L during an admission in 2022",
    "otherwise healthy before this year",
    "no previous hospital stays",
  ];
  const extra = [...new Set([w.pick(birth), w.pick(ill), w.pick(birth)])].slice(0, w.random.integer(0, 2));
  return own.length + extra.length === 0 ? "Non-contributory. " : sentence([...own, ...extra], w.pick(["; ", ", "]));
}

export function family(w: Writer): string {
  const own = [...w.present(["familyAtopy"]), ...w.absent(["familyAtopy"])];
  const extra: string[] = [];
  if (w.random.chance(0.25))
    extra.push(
      w.pick([
        "brother had pneumonia last year",
        "older sister recently had bronchitis",
        "grandfather with COPD",
        "grandmother with hypertension, BP 150/90",
        "parents healthy",
        "72+a classmate has asthma",
      ]),
    );
  if (w.is("sickContact") && w.random.chance(0.25))
    extra.push(w.pick(["mother had a fever of 38.2 C yesterday", "brother's temperature was 102 F last night"]));
  return sentence([...own, ...extra], "; ");
}

export function upper(w: Writer): string[] {
  return [...w.present(throat), ...w.absent(throat)];
}

export function chest(w: Writer): string[] {
  const found = w.present(lungs);
  const first = w.absent(["coarseBreath"]);
  if (w.denied("fineCrackles") && w.denied("wheezeHeard") && w.random.chance(0.5)) {
    w.absent(["fineCrackles", "wheezeHeard", "rhonchi"]);
    return [
      ...first,
      ...found,
      w.pick(["no wheezes, rales or rhonchi", "without wheezes or crackles", "no adventitious sounds"]),
      ...w.absent(lungs),
    ];
  }
  return [...first, ...found, ...w.absent(lungs)];
}

export const others = (w: Writer): string[] => [...w.present(body), ...w.absent(body)];

export function examination(w: Writer): string {
  return [
    sentence([w.pick(["alert", "well developed, well nourished", "", "awake and interactive"])]),
    sentence(upper(w)),
    sentence(chest(w)),
    sentence([w.pick(["heart regular without murmur", "regular rate and rhythm", "", "S1 S2 normal"]), ...others(w)]),
  ].join("");
}

export const vitals = (w: Writer, mark?: string): string =>
  w.values(vitalIds).join(mark ?? w.random.pick([", ", "; ", " ", ", "]));

export function labs(w: Writer, mark = ", "): string {
  const count = w.values(counts);
  const now = w.raw("leukocytes");
  return sentence(
    [
      now !== undefined && w.random.chance(0.07)
        ? `${w.random.integer(2, 5)} days ago at another clinic ${w.other("leukocytes", now * Math.exp(0.25 * w.random.normal()))}`
        : "",
      count.length ? `${w.pick(["CBC: ", "CBC with ", "Blood count: ", ""])}${count.join(mark)}` : "",
      ...w.values(["crp", "procalcitonin", "sedimentation"]),
      ...w.present(tests),
      ...w.absent(tests),
    ],
    w.random.pick([", ", "; ", ". "]),
  );
}

export function advice(w: Writer, probability = 0.4): string {
  return w.maybe(probability, () =>
    w.pick([
      "Ibuprofen 5 mL if temperature exceeds 38.5 C. ",
      "Return if breathing rate is above 50 or the child is lethargic. ",
      "Recheck in 3 days if fever persists. ",
      "Fluids and rest; return precautions given. ",
      "Consider chest x-ray if no improvement. ",
      "*Call back for any temperature above 102 F. ",
    ]),
  );
}

/** A parent's own sentences. */
export function told(w: Writer): string[] {
  const home = w.amount("temperature");
  const cough = w.is("cough")
    ? `${he(w)} has been coughing${w.coughDays === undefined ? " for a while" : ` for ${span(w, w.coughDays)}`}`
    : `${he(w)} isn't coughing`;
  const fever = w.is("fever")
    ? `${he(w)} has had a fever${w.feverDays === undefined ? "" : ` for ${span(w, w.feverDays)}`}`
    : w.pick(["no fever", `${he(w)} hasn't had a fever`, `${he(w)} doesn't feel hot`]);
  return [
    ...(w.random.chance(0.5) ? [cough, fever] : [fever, cough]),
    ...(home
      ? [
          w.pick([
            `I just took ${w.male ? "his" : "her"} temperature and it is ${home}`,
            `the thermometer says ${home} now`,
            `${w.male ? "his" : "her"} temperature this morning is ${home}`,
          ]),
        ]
      : []),
    ...w.present([...symptoms, ...course]),
    ...w.absent([...symptoms, ...course]),
    ...w.present(background),
    ...w.absent(background),
  ];
}

export function toldTests(w: Writer): string {
  const count = w.values([...counts, "crp", "procalcitonin", "sedimentation"]);
  const words = [...w.present(tests), ...w.absent(tests)];
  return `${count.length ? `${w.pick(["The lab sheet says", "They did blood work:", "The blood test showed"])} ${count.join(", ")}. ` : ""}${sentence(words)}`;
}

export const bullets = (parts: readonly string[]): string =>
  parts
    .filter((part) => part.trim() !== "")
    .map((part) => `- ${part.trim()}`)
    .join("\n");

export const short = { history: 0.6, background: 0.35, exam: 0.7, vitals: true };
export const usual = { history: 0.8, background: 0.7, exam: 0.88, vitals: true };
export const full = { history: 0.95, background: 0.95, exam: 0.97, vitals: true };
export const spoken = { history: 0.78, background: 0.5, exam: 0, vitals: false };
