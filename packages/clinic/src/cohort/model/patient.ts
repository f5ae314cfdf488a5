import type { Random } from "./random.ts";
import { type State, statesAt } from "./states.ts";
import { findings, panels, population, type Setting, settings, values } from "./tables.ts";

/** How much a family of notes says; see `Family` in src/cohort/write. Independent of what the child has. */
export interface Detail {
  /** Factor on how often findings of a group are mentioned; 0: the group is not in the note. */
  readonly history: number;
  readonly background: number;
  readonly exam: number;
  /** Whether pulse, breathing and saturation are measured at all. */
  readonly vitals: boolean;
}

/** What a note tells of a finding: not mentioned, absent, present, or the level that is present. */
export type Told = "silent" | "absent" | "present" | number;

/** A child as the note will show her; nothing else is known to the posterior. */
export interface Patient {
  readonly ageMonths: number;
  readonly setting: Setting;
  readonly detail: Detail;
  /** By `findings`. */
  readonly told: readonly Told[];
  /** By `panels`; undefined where the family of notes has no place for it. */
  readonly ordered: readonly (boolean | undefined)[];
  /** By `values`, on the scale; undefined where it is not in the note. */
  readonly measured: readonly (number | undefined)[];
}

/** Vital signs that a parent at home does not take. */
const instruments = new Set(["heartRate", "respiratoryRate", "saturation"]);

/** How often a value is copied into the note where its panel was done; the others always are. Our judgement; independent of the child. */
const copied: Readonly<Record<string, number>> = {
  neutrophilPercent: 0.92,
  eosinophilShare: 0.45,
  hemoglobin: 0.45,
  platelets: 0.42,
};

export function drawState(random: Random): {
  readonly ageMonths: number;
  readonly state: State;
  readonly setting: Setting;
} {
  const band = population.bands[random.weighted(population.bands.map(({ share }) => share))];
  const ageMonths = random.integer(band.from, band.to - 1);
  const states = statesAt(ageMonths);
  const state = states[random.weighted(states.map(({ prior }) => prior))];
  return { ageMonths, state, setting: settings[random.weighted(state.settings)] };
}

/** Draws the findings of a child in a state, and which of them a note of this detail tells. */
export function drawPatient(
  random: Random,
  { ageMonths, state, setting }: ReturnType<typeof drawState>,
  detail: Detail,
): Patient {
  const present = new Map<string, boolean>();
  const place = settings.indexOf(setting);
  // Fever is the first of the findings: whether tests are done depends on it.
  const fever = random.chance(state.findings[0][0]);
  const ordered = panels.map(({ id }, i) =>
    !detail.vitals && instruments.has(id) ? undefined : random.chance(state.panels[i][fever ? 1 : 0][place]),
  );
  const told = findings.map((row, i): Told => {
    const chances = state.findings[i];
    const is = i === 0 ? fever : row.levels ? true : random.chance(chances[0]);
    present.set(row.id, is);
    const level = row.levels ? random.weighted(chances) : 0;
    const mention = random.uniform();
    if (ageMonths < (row.toldFromMonths ?? 0) || !isKnown(i, present, ordered)) return "silent";
    const [whenPresent, whenAbsent] = mentioned(i, detail);
    if (mention >= (is ? whenPresent : whenAbsent)) return "silent";
    return row.levels ? level : is ? "present" : "absent";
  });
  const keep = new Map<string, boolean>();
  const measured = values.map((row, i) => {
    const [mean, sd] = state.values[i][fever ? 1 : 0];
    const x = mean + sd * random.normal();
    const kept = random.chance(copied[row.id] ?? 1) && (row.id !== "eosinophilShare" || keep.get("neutrophilPercent")!);
    keep.set(row.id, kept);
    return kept && ordered[panels.findIndex(({ id }) => id === row.panel)] ? x : undefined;
  });
  return { ageMonths, setting, detail, told, ordered, measured };
}

const panelOf = findings.map(({ panel }) => panels.findIndex(({ id }) => id === panel));

function isKnown(index: number, present: ReadonlyMap<string, boolean>, ordered: Patient["ordered"]): boolean {
  const { requires } = findings[index];
  if (requires !== undefined && !present.get(requires)) return false;
  return panelOf[index] < 0 || ordered[panelOf[index]] === true;
}

/** Whether the note could have told of the finding: its panel was done, and what it depends on is there. */
export function couldTell({ ageMonths, told, ordered, detail }: Patient, index: number): boolean {
  const { requires, toldFromMonths = 0 } = findings[index];
  if (ageMonths < toldFromMonths) return false;
  if (requires !== undefined && told[findings.findIndex(({ id }) => id === requires)] !== "present") return false;
  if (panelOf[index] >= 0 && ordered[panelOf[index]] !== true) return false;
  return mentioned(index, detail)[0] > 0;
}

/** Probability of a mention where present and where absent. What is told always (1) is told in every note that has its group. */
export function mentioned(index: number, detail: Detail): readonly [number, number] {
  const { group, stated } = findings[index];
  const factor = group === "tests" ? 1 : group === "lungs" ? detail.exam : detail[group];
  const times = (probability: number): number => (factor === 0 ? 0 : probability === 1 ? 1 : probability * factor);
  return [times(stated[0]), times(stated[1])];
}
