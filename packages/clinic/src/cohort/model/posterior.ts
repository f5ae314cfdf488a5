import { type Disease, diseases } from "../../diagnosis/index.ts";
import { couldTell, mentioned, type Patient } from "./patient.ts";
import { type State, statesAt, toScale } from "./states.ts";
import { findings, panels, settings, values } from "./tables.ts";

/** Which findings count: measured values (and that they were measured), what is told in words, or both. Age and setting always do. */
export type Modality = "values" | "words" | "both";

/**
 * P(disease | the findings that a note tells), by Bayes over all states: combinations of conditions, agents and severities. Exact,
 * since findings are drawn independently given the state.
 */
export function posterior(patient: Patient, modality: Modality = "both"): Record<Disease, number> {
  const states = statesAt(patient.ageMonths);
  const terms = modality === "values" ? [] : wordTerms(patient);
  const measured = modality === "words" ? [] : measuredTerms(patient);
  const place = settings.indexOf(patient.setting);
  const logs = new Float64Array(states.length);
  let top = -Infinity;
  for (let s = 0; s < states.length; s++) {
    const state = states[s];
    let log = Math.log(state.prior * state.settings[place]);
    for (const term of terms) log += term(state);
    for (const term of measured) log += term(state);
    logs[s] = log;
    if (log > top) top = log;
  }
  const sums = { pneumonia: 0, rti: 0, bronchitis: 0, asthma: 0 };
  let total = 0;
  for (let s = 0; s < states.length; s++) {
    const weight = Math.exp(logs[s] - top);
    total += weight;
    for (const condition of states[s].conditions) if (condition in sums) sums[condition as Disease] += weight;
  }
  for (const disease of diseases) sums[disease] /= total;
  return sums;
}

/** Log-likelihood of a part of what the note tells. */
type Term = (state: State) => number;

/** Words, and which tests in words were done. Fever counts here, since every note tells it in words. */
function wordTerms(patient: Patient): Term[] {
  const terms: Term[] = [];
  for (let i = 0; i < findings.length; i++) {
    if (!couldTell(patient, i)) continue;
    const told = patient.told[i];
    const [whenPresent, whenAbsent] = mentioned(i, patient.detail);
    if (typeof told === "number") terms.push((state) => Math.log(state.findings[i][told]));
    // Whether a level is told does not depend on which it is.
    else if (findings[i].levels) continue;
    else if (told === "present") terms.push((state) => Math.log(state.findings[i][0]));
    else if (told === "absent") terms.push((state) => Math.log(1 - state.findings[i][0]));
    else
      terms.push((state) => {
        const p = state.findings[i][0];
        return Math.log(1 - p * whenPresent - (1 - p) * whenAbsent);
      });
  }
  return terms.concat(panelTerms(patient, (id) => wordPanels.has(id)));
}

/** Panels whose results are words. */
const wordPanels = new Set(findings.flatMap(({ panel }) => panel ?? []));

function measuredTerms(patient: Patient): Term[] {
  const fever = patient.told[0] === "present" ? 1 : 0;
  const terms = panelTerms(patient, (id) => !wordPanels.has(id));
  for (let i = 0; i < values.length; i++) {
    const x = patient.measured[i];
    if (x === undefined) continue;
    const bound = values[i].below === undefined ? -Infinity : toScale(values[i], values[i].below!);
    if (x >= bound)
      terms.push((state) => {
        const [mean, sd] = state.values[i][fever];
        return -0.5 * ((x - mean) / sd) ** 2 - Math.log(sd);
      });
    else
      terms.push((state) => {
        const [mean, sd] = state.values[i][fever];
        return Math.log(normalBelow((bound - mean) / sd));
      });
  }
  return terms;
}

function panelTerms(patient: Patient, counts: (id: string) => boolean): Term[] {
  const fever = patient.told[0] === "present" ? 1 : 0;
  const place = settings.indexOf(patient.setting);
  return panels.flatMap(({ id }, i): Term[] => {
    const ordered = patient.ordered[i];
    if (ordered === undefined || !counts(id)) return [];
    return [
      (state) => {
        const p = state.panels[i][fever][place];
        return Math.log(ordered ? p : 1 - p);
      },
    ];
  });
}

/** Φ(z), to 1.5e-7 (Abramowitz and Stegun 7.1.26). */
function normalBelow(z: number): number {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  const tail =
    ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * Math.exp(-x * x);
  return Math.max(z < 0 ? tail / 2 : 1 - tail / 2, 1e-12);
}
