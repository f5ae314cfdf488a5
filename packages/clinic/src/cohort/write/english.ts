import {
  advice,
  age,
  background,
  bullets,
  capital,
  chest,
  child,
  complaint,
  course,
  denial,
  denied,
  examination,
  family,
  full,
  heat,
  history,
  join,
  labs,
  lines,
  others,
  past,
  section,
  sentence,
  sex,
  short,
  spoken,
  symptoms,
  told,
  toldTests,
  upper,
  usual,
  vitals,
} from "./english-parts.ts";
import type { Family } from "./family.ts";

export const englishFamilies: readonly Family[] = [
  {
    ...{ id: "en-narrative", language: "en", settings: ["outpatient", "emergency"], detail: usual, voice: "clinical" },
    write: (w) =>
      `${w.pick(["The patient is a", "This is a", "I had the pleasure of seeing this"])} ${age(w)} ${child(w)} ${w.pick(["brought by mother", "accompanied by both parents", "who comes in today"])}. ${history(w)}${past(w)}${family(w)}On examination ${vitals(w)}. ${examination(w)}${labs(w)}${advice(w)}`.trim(),
  },
  {
    ...{ id: "en-soap", language: "en", settings: ["primary", "outpatient"], detail: short, voice: "clinical" },
    write: (w) =>
      lines(
        `S: ${age(w, true)} ${w.male ? "M" : "F"}, ${complaint(w)}. ${sentence([heat(w), ...w.present([...symptoms, ...course])])}${denial(w)}${sentence([...w.present(background), ...w.absent(background)])}`,
        `O: ${join([vitals(w, " "), ...upper(w), ...chest(w), ...others(w)], w.pick([". ", ", ", "; "]))}. ${labs(w)}`,
        section("P: ", advice(w, 0.7)),
      ),
  },
  {
    ...{ id: "en-triage", language: "en", settings: ["emergency"], detail: short, voice: "clinical" },
    write: (w) =>
      lines(
        `ED TRIAGE ${w.random.integer(0, 23)}:${w.random.integer(10, 59)}`,
        `Pt: ${age(w, true)} ${w.male ? "M" : "F"}   CC: ${complaint(w)}`,
        `VS: ${vitals(w, "  ")}`,
        `Brief hx: ${sentence([heat(w), ...w.present([...symptoms, ...course])])}${denial(w)}`,
        section("PMH: ", past(w) + family(w)),
        `Exam: ${join([...chest(w), ...others(w), ...upper(w)])}`,
        section("Labs: ", labs(w)),
        `ESI level ${w.random.integer(2, 4)}`,
      ),
  },
  {
    ...{ id: "en-admission", language: "en", settings: ["inpatient"], detail: full, voice: "clinical" },
    write: (w) =>
      lines(
        `CHIEF COMPLAINT: ${capital(complaint(w))}.`,
        `HISTORY OF PRESENT ILLNESS: The patient is a ${age(w)} ${sex(w)}. ${history(w)}`,
        `PAST MEDICAL HISTORY: ${past(w)}`,
        section("FAMILY HISTORY: ", family(w)),
        `VITAL SIGNS: ${vitals(w)}.`,
        `PHYSICAL EXAMINATION: ${examination(w)}`,
        section("LABORATORY DATA: ", labs(w) || "Pending."),
      ),
  },
  {
    ...{ id: "en-portal", language: "en", settings: ["primary", "outpatient"], detail: spoken, voice: "parent" },
    write: (w) =>
      `${w.pick(["Hi doctor, ", "Hello, ", "Good morning, "])}my ${w.male ? "son" : "daughter"} is a ${age(w)}. ${told(w).map(capital).join(". ")}. ${toldTests(w)}${w.pick(["Should I bring {x} in?", "Do we need to be seen today?", "What should we do?", "Thanks for your help."]).replace("{x}", w.male ? "him" : "her")}`,
  },
  {
    ...{ id: "en-phone", language: "en", settings: ["primary", "outpatient"], detail: spoken, voice: "parent" },
    write(w) {
      const said = told(w);
      const out = [
        "Nurse: How old is your child and what is going on?",
        `Mother: ${capital(w.male ? "he" : "she")} is a ${age(w)}. ${said.slice(0, 2).map(capital).join(". ")}.`,
      ];
      for (let at = 2; at < said.length; at += 3)
        out.push(
          `Nurse: ${w.random.pick(["Anything else?", "Okay, what else have you noticed?", "Is there anything in the past I should know?", "How is the breathing, eating, sleeping?"])}`,
          `Mother: ${said
            .slice(at, at + 3)
            .map(capital)
            .join(". ")}.`,
        );
      const results = toldTests(w).trim();
      if (results) out.push("Nurse: Any tests so far?", `Mother: ${results}`);
      if (w.random.chance(0.5))
        out.push(
          `Nurse: ${w.pick(["If the temperature goes over 102 F, call us back.", "If the breathing rate is above 40, go to the ER.", "We will see you this afternoon."])}`,
        );
      return out.join("\n");
    },
  },
  {
    ...{ id: "en-bullets", language: "en", settings: ["outpatient", "inpatient"], detail: usual, voice: "clinical" },
    write: (w) =>
      lines(
        `${age(w)} ${child(w)}`,
        bullets([
          complaint(w),
          heat(w),
          ...w.present([...symptoms, ...course]),
          denial(w),
          ...w.present(background),
          ...w.absent(background),
          `vitals: ${vitals(w)}`,
          `exam: ${join([...chest(w), ...upper(w), ...others(w)], "; ")}`,
          labs(w),
          advice(w, 0.3),
        ]),
      ),
  },
  {
    ...{ id: "en-signout", language: "en", settings: ["inpatient", "emergency"], detail: short, voice: "clinical" },
    write: (w) =>
      `${age(w, true)} ${w.male ? "M" : "F"} w/ ${complaint(w)}; ${join([heat(w), ...w.present([...symptoms, ...course, ...background])], "; ")}. ${denial(w)}${sentence(w.absent(background))}${vitals(w, "/ ")}. Exam ${join([...chest(w), ...others(w), ...upper(w)])}. ${labs(w)}${w.pick(["To do: follow repeat vitals.", "Overnight: recheck q4h.", "Dispo pending."])}`,
  },
  {
    ...{ id: "en-referral", language: "en", settings: ["primary"], detail: usual, voice: "clinical" },
    write: (w) =>
      `Dear colleague,\nThank you for seeing this ${age(w)} ${child(w)} with ${complaint(w)}. ${history(w)}${past(w)}${family(w)}In our office: ${vitals(w)}. ${examination(w)}${labs(w) || "No laboratory tests are available here. "}${w.pick(["Kindly evaluate further.", "We have no imaging on site.", "Please advise."])}`,
  },
  {
    ...{
      id: "en-checkbox",
      language: "en",
      settings: ["outpatient", "primary", "emergency"],
      detail: usual,
      voice: "clinical",
    },
    write(w) {
      const { nouns, rest } = denied(w);
      return lines(
        `Urgent care template. Age: ${age(w)}  Sex: ${sex(w)}`,
        `Reason: ${complaint(w)}`,
        ...[heat(w), ...w.present([...symptoms, ...course, ...background])].map((text) => `[x] ${text}`),
        ...nouns.map((text) => `[ ] ${text}`),
        sentence([...rest, ...w.absent(background)]),
        `Vitals ${vitals(w, " | ")}`,
        ...[...upper(w), ...chest(w), ...others(w)].map((text) => `* ${text}`),
        section("Point of care: ", labs(w)),
      );
    },
  },
  {
    ...{ id: "en-transcribed", language: "en", settings: ["outpatient", "inpatient"], detail: full, voice: "clinical" },
    write: (w) =>
      `SUBJECTIVE:, This ${age(w)} comes in with ${w.male ? "his" : "her"} mother. ${history(w)},PAST HISTORY: , ${past(w)}${family(w)},OBJECTIVE:,  Vitals:  ${vitals(w)}.  ${examination(w)},DATA:,  ${labs(w) || "None today. "}`,
  },
  {
    ...{ id: "en-consult", language: "en", settings: ["emergency", "inpatient"], detail: usual, voice: "clinical" },
    write: (w) =>
      lines(
        `Asked to see this ${age(w)} ${sex(w)} for ${complaint(w)}.`,
        `Objective findings first: ${vitals(w)}. ${sentence(chest(w), "; ")}${sentence([...others(w), ...upper(w)], "; ")}`,
        section("Results: ", labs(w)),
        `By history: ${sentence([heat(w), ...w.present(symptoms)])}${denial(w)}${sentence([...w.present(course), ...w.absent(course)])}${past(w)}${family(w)}`,
      ),
  },
  {
    ...{ id: "en-health-post", language: "en", settings: ["primary"], detail: short, voice: "clinical" },
    write: (w) =>
      lines(
        `Health post record: age ${age(w, true)}, ${sex(w)}, first visit.`,
        `Complaint: ${complaint(w)}; ${heat(w)}`,
        `Ask: ${join(w.present([...symptoms, ...course]), "; ") || "nothing more"}. ${denial(w)}`,
        `Look and listen: ${join([vitals(w, ", "), ...others(w), ...chest(w), ...upper(w)], ", ")}`,
        section("Before: ", join([...w.present(background), ...w.absent(background)])),
        section("Tests: ", labs(w)),
        section("Told mother: ", advice(w, 0.5)),
      ),
  },
  // Held out.
  {
    ...{
      id: "en-telehealth",
      language: "en",
      heldOut: true,
      settings: ["primary", "outpatient"],
      detail: spoken,
      voice: "parent",
    },
    write(w) {
      const said = told(w).map(capital);
      const half = Math.ceil(said.length / 2);
      return `Video visit summary (parent's account, verbatim): "We are calling about our ${age(w)} ${w.male ? "son" : "daughter"}; ${said.slice(0, half).join("; ")}." Father adds: "${said.slice(half).join("; ") || "Nothing else"}." ${toldTests(w)}Camera only, no examination possible.`;
    },
  },
  {
    ...{
      id: "en-transfer",
      language: "en",
      heldOut: true,
      settings: ["emergency", "inpatient"],
      detail: usual,
      voice: "clinical",
    },
    write: (w) =>
      `Interfacility transfer call. Situation - ${age(w)} ${sex(w)}, ${complaint(w)}. Background - ${sentence([...w.present(background), ...w.absent(background)])}${sentence([heat(w), ...w.present([...symptoms, ...course])])}${denial(w)}Findings - ${vitals(w, " - ")}. ${sentence([...chest(w), ...others(w), ...upper(w)], "; ")}${labs(w) ? `Numbers - ${labs(w)}` : ""}Request - ${w.pick(["bed and further work-up.", "please call back with an accepting physician; notify us if SpO2 falls below 90%.", "transport by 1800."])}`,
  },
  {
    ...{
      id: "en-school-clinic",
      language: "en",
      heldOut: true,
      settings: ["outpatient", "primary"],
      detail: usual,
      voice: "clinical",
    },
    write: (w) =>
      lines(
        `Walk-in card`,
        `Today I examined a ${sex(w)} child, age: ${age(w)}.`,
        `Measured => ${vitals(w, ", ") || "nothing measured"}`,
        `Seen/heard => ${join([...upper(w), ...chest(w), ...others(w)], " + ") || "unremarkable"}`,
        `Story => ${complaint(w)}; ${join([heat(w), ...w.present([...symptoms, ...course, ...background])], "; ")}`,
        `Not there => ${
          join(
            [denied(w, [...symptoms, ...course, ...background])].flatMap(({ nouns, rest }) => [...nouns, ...rest]),
            "; ",
          ) || "-"
        }`,
        section("Lab slip => ", labs(w)),
      ),
  },
  {
    ...{
      id: "en-night-float",
      language: "en",
      heldOut: true,
      settings: ["inpatient", "emergency"],
      detail: full,
      voice: "clinical",
    },
    write: (w) =>
      `Night float note. Parents came in worried about ${complaint(w)} in their ${age(w)} ${child(w)}. Bedside: ${vitals(w)}. ${examination(w)}They tell me: ${sentence([heat(w), ...w.present([...symptoms, ...course])], "; ")}${denial(w)}Earlier: ${past(w)}${family(w)}${labs(w)}Will reassess in the morning.`,
  },
];
