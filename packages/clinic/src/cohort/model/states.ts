import {
  type Adjustment,
  type Agent,
  type FindingRow,
  findings,
  panels,
  population,
  type Setting,
  settings,
  type ValueRow,
  values,
  type When,
} from "./tables.ts";

/** All that a child has: what findings are independent given. */
export interface State {
  readonly conditions: readonly string[];
  readonly agent: Agent;
  readonly severe: boolean;
  /** P(state | age cell). */
  readonly prior: number;
  /** By `settings`. */
  readonly settings: readonly number[];
  /** By `findings`: the probability that it is present, or those of its levels. */
  readonly findings: readonly (readonly number[])[];
  /** By `panels`, then without and with fever, then by `settings`. */
  readonly panels: readonly (readonly (readonly number[])[])[];
  /** By `values`, then without and with fever: mean and standard deviation on the scale. */
  readonly values: readonly (readonly (readonly [mean: number, sd: number])[])[];
}

/** Ages at which some row of the tables begins or ends, months: between two of them nothing depends on age. */
const cellStarts = [1, 6, 12, 24, 36, 48, 60, 72, 120];

const cells = new Map<number, readonly State[]>();

/** All states at an age, their tables worked out. */
export function statesAt(ageMonths: number): readonly State[] {
  const months = cellStarts.findLast((start) => start <= ageMonths) ?? cellStarts[0];
  let states = cells.get(months);
  if (!states) {
    states = enumerate(months);
    cells.set(months, states);
  }
  return states;
}

type Context = Pick<State, "conditions" | "agent" | "severe"> & { readonly months: number; readonly fever?: boolean };

function holds(when: When, { conditions, agent, severe, fever, months }: Context): boolean {
  return (
    (when.condition === undefined || conditions.includes(when.condition)) &&
    (when.agent === undefined || when.agent === agent) &&
    (when.severe === undefined || when.severe === severe) &&
    (when.fever === undefined || when.fever === fever) &&
    (when.underMonths === undefined || months < when.underMonths) &&
    (when.fromMonths === undefined || months >= when.fromMonths)
  );
}

/** Whose agent counts where there are two conditions: the deeper in the airways. */
const depth = ["pneumonia", "bronchitis", "rti", "asthma"];

function enumerate(months: number): State[] {
  const band = population.bands.findLastIndex(({ from }) => from <= months);
  const total = population.combinations.reduce((sum, { percent }) => sum + percent[band], 0);
  return population.combinations.flatMap(({ conditions, percent }) => {
    const leading = depth.find((condition) => conditions.includes(condition)) ?? conditions[0];
    const only = { conditions, agent: "none" as Agent, severe: false, months };
    const agents = population.agents.findLast((row) => row.condition === leading && holds(row, only))?.share ?? {
      none: 1,
    };
    const mild = conditions.reduce((product, condition) => {
      const row = population.severe.findLast((each) => each.condition === condition && holds(each, only));
      return product * (1 - (row?.share ?? 0));
    }, 1);
    return Object.entries(agents).flatMap(([agent, share]) =>
      [false, true]
        .map((severe) => ({ severe, prior: (percent[band] / total) * share * (severe ? 1 - mild : mild) }))
        .filter(({ prior }) => prior > 0)
        .map(({ severe, prior }) => workOut({ conditions, agent: agent as Agent, severe, months }, prior)),
    );
  });
}

function workOut(context: Context, prior: number): State {
  const { conditions, agent, severe } = context;
  const share = population.settings.findLast((row) => holds(row, context))!.share;
  return {
    ...{ conditions, agent, severe, prior },
    settings: settings.map((setting) => share[setting]!),
    findings: findings.map((row) => (row.levels ? levelsOf(row, context) : [presence(row, context)])),
    panels: panels.map(({ ordered, adjust = [] }) =>
      [false, true].map((fever) =>
        settings.map((setting: Setting) => adjusted(ordered[setting], adjust, { ...context, fever })),
      ),
    ),
    values: values.map((row) => [false, true].map((fever) => distribution(row, { ...context, fever }))),
  };
}

function adjusted(probability: number, adjust: readonly Adjustment[], context: Context): number {
  let odds = probability / (1 - probability);
  for (const row of adjust) if (holds(row, context)) odds *= row.odds;
  return odds / (1 + odds);
}

function presence(row: FindingRow, context: Context): number {
  const absent = context.conditions.reduce((product, condition) => {
    const own = (row.given[condition] ?? row.base) as number;
    const adjust = (row.adjust ?? []).filter((each) => each.condition === undefined || each.condition === condition);
    return product * (1 - adjusted(own, adjust, context));
  }, 1);
  return 1 - absent;
}

function levelsOf(row: FindingRow, { conditions }: Context): number[] {
  const each = conditions.map((condition) => (row.given[condition] ?? row.base) as readonly number[]);
  const sums = row.levels!.map((_, level) => each.reduce((sum, shares) => sum + shares[level], 0));
  const total = sums.reduce((sum, share) => sum + share, 0);
  return sums.map((sum) => sum / total);
}

function distribution(row: ValueRow, context: Context): readonly [number, number] {
  const start = row.baseline.findLast(({ fromMonths = 0 }) => fromMonths <= context.months)!;
  const fever = context.fever ? row.fever : undefined;
  const base = start.median * (fever?.times ?? 1) + (fever?.plus ?? 0);
  const center = toScale(row, base);
  let best: readonly [number, number] = [center, fever?.sd ?? start.sd];
  for (const condition of context.conditions) {
    const effect = row.effects.findLast((each) => each.condition === condition && holds(each, context));
    if (!effect) continue;
    const mean = toScale(row, effect.median ?? base * (effect.times ?? 1) + (effect.plus ?? 0));
    if (Math.abs(mean - center) > Math.abs(best[0] - center)) best = [mean, effect.sd ?? fever?.sd ?? start.sd];
  }
  return best;
}

/** To the scale on which the value is normal. */
export function toScale({ scale }: ValueRow, value: number): number {
  if (scale === "linear") return value;
  return scale === "log" ? Math.log(value) : Math.log(value / (100 - value));
}

/** And back. */
export function fromScale({ scale }: ValueRow, x: number): number {
  if (scale === "linear") return x;
  return scale === "log" ? Math.exp(x) : 100 / (1 + Math.exp(-x));
}
