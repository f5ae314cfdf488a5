/** This process's place in a group, as its launcher says. */
export interface RankPlace {
  readonly rank: number;
  readonly size: number;
  /** Rank among those of this machine: which GPU to take. */
  readonly localRank: number;
  /** Ranks on this machine. */
  readonly localSize: number;
  /** Which launcher's variables said so. */
  readonly source: "torchrun" | "Open MPI" | "Slurm";
  /** Tells apart groups on one machine: the master's port, or the job and its step. */
  readonly group: string;
}

interface Launcher {
  readonly source: RankPlace["source"];
  readonly rank: string;
  readonly size: string;
  readonly localRank: string;
  readonly localSize: string;
  /** Variables that a plain shell of the launcher has too: their presence alone says nothing. */
  readonly ambient: boolean;
  readonly group: readonly string[];
}

const launchers: readonly Launcher[] = [
  {
    source: "torchrun",
    rank: "RANK",
    size: "WORLD_SIZE",
    localRank: "LOCAL_RANK",
    localSize: "LOCAL_WORLD_SIZE",
    ambient: false,
    group: ["MASTER_PORT"],
  },
  {
    source: "Open MPI",
    rank: "OMPI_COMM_WORLD_RANK",
    size: "OMPI_COMM_WORLD_SIZE",
    localRank: "OMPI_COMM_WORLD_LOCAL_RANK",
    localSize: "OMPI_COMM_WORLD_LOCAL_SIZE",
    ambient: false,
    group: ["PMIX_NAMESPACE", "OMPI_MCA_ess_base_jobid"],
  },
  {
    source: "Slurm",
    rank: "SLURM_PROCID",
    size: "SLURM_NTASKS",
    localRank: "SLURM_LOCALID",
    localSize: "SLURM_NTASKS_PER_NODE",
    ambient: true,
    group: ["SLURM_JOB_ID", "SLURM_STEP_ID"],
  },
];

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The ranks that torchrun (RANK, WORLD_SIZE, LOCAL_RANK), mpirun (OMPI_COMM_WORLD_RANK …) or srun (SLURM_PROCID …) have started, or null
 * where there is no launcher. Where several have (torchrun within a Slurm job), the first of them counts.
 *
 * @throws Error where variables are half set, no numbers, out of range, or two launchers disagree.
 */
export function ranksFromEnvironment(environment: Environment = process.env): RankPlace | null {
  const places = launchers
    .map((launcher) => placeOf(launcher, environment))
    .filter((place) => place !== null)
    // One task of srun or mpirun is no group: another launcher may run inside.
    .filter((place, _, all) => place.size > 1 || place.source === "torchrun" || all.length === 1);
  const [first, second] = places;
  if (!first) return null;
  const nested = environment["TORCHELASTIC_RUN_ID"] !== undefined;
  if (second && !nested && first.size > 1 && (first.rank !== second.rank || first.size !== second.size)) {
    throw new Error(
      `ranks: ${first.source} says rank ${first.rank} of ${first.size}, ${second.source} says rank ${second.rank} of ${second.size}; unset the variables of one of them`,
    );
  }
  return first;
}

/**
 * Which of the GPUs that a process sees is its own: that of its rank on the machine, or the only one, where the launcher shows each process
 * one.
 *
 * @throws Error where there are too few.
 */
export function gpuOfRank({ localRank, localSize }: RankPlace, visible: number): number {
  if (visible === 1) return 0;
  if (localRank < visible) return localRank;
  throw new Error(
    `ranks: ${localSize} ranks are on this machine, which shows ${visible} GPUs; start one rank for each GPU, or use --device wasm`,
  );
}

/** Variables of launchers, which a process that starts ranks of its own must not pass on. */
export function launcherVariables(): string[] {
  return launchers.flatMap(({ rank, size, localRank, localSize, group }) => [
    rank,
    size,
    localRank,
    localSize,
    ...(size === "SLURM_NTASKS" ? [] : group),
  ]);
}

function placeOf(launcher: Launcher, environment: Environment): RankPlace | null {
  const number = (name: string) => wholeNumber(name, environment[name]);
  const given = (name: string) => environment[name] !== undefined && environment[name] !== "";
  if (launcher.ambient && !given(launcher.rank)) return null;
  if (![launcher.rank, launcher.size, launcher.localRank].some(given)) return null;
  for (const name of [launcher.rank, launcher.size]) {
    if (given(name)) continue;
    const set = [launcher.rank, launcher.size, launcher.localRank].filter(given);
    throw new Error(
      `ranks: ${set.join(" and ")} ${set.length > 1 ? "are" : "is"} set, ${name} is not; set both ${launcher.rank} and ${launcher.size}, or neither`,
    );
  }
  const rank = number(launcher.rank);
  const size = number(launcher.size);
  if (size < 1) throw new Error(`ranks: ${launcher.size} is 0, expected at least 1`);
  if (rank >= size)
    throw new Error(`ranks: ${launcher.rank} is ${rank}, but ${launcher.size} is ${size}: ranks count from 0`);
  const localRank = given(launcher.localRank) ? number(launcher.localRank) : rank;
  const localText = environment[launcher.localSize];
  const localSize =
    localText !== undefined && /^\d+$/.test(localText)
      ? Number(localText)
      : ((launcher.source === "Slurm" ? slurmTasksHere(environment) : undefined) ?? size);
  if (localRank > rank)
    throw new Error(`ranks: ${launcher.localRank} is ${localRank}, more than ${launcher.rank}, ${rank}`);
  if (localRank >= localSize)
    throw new Error(`ranks: ${launcher.localRank} is ${localRank}, but ${launcher.localSize} is ${localSize}`);
  const group = launcher.group.map((name) => environment[name] ?? "").join(".");
  return { rank, size, localRank, localSize, source: launcher.source, group };
}

/** Tasks of this node, of a list over the nodes such as `4(x2),3`. */
function slurmTasksHere(environment: Environment): number | undefined {
  const list = environment["SLURM_STEP_TASKS_PER_NODE"] || environment["SLURM_TASKS_PER_NODE"];
  const tasks = (list ?? "").split(",").flatMap((part) => {
    const [, count, times = "1"] = /^(\d+)(?:\(x(\d+)\))?$/.exec(part) ?? [];
    return count === undefined ? [] : new Array<number>(Number(times)).fill(Number(count));
  });
  return tasks[Number(environment["SLURM_NODEID"] ?? 0)];
}

function wholeNumber(name: string, text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text))
    throw new Error(`ranks: ${name} is "${text}", expected a whole number from 0`);
  return Number(text);
}
