/** Training on several ranks is training on one; a rank that is lost ends the others. */
import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { runThreadRanks, startLocalRanks } from "@baltoro/training";
import { type StepsTask, type Training, trainSteps } from "./ranks/steps.ts";

const module = new URL("./ranks/steps.ts", import.meta.url);
const task: StepsTask = {
  steps: 20,
  trainings: [{ accumulation: 1 }, { accumulation: 2 }, { accumulation: 2, experts: true }],
};
const alone = await trainSteps(task, { rank: 0, size: 1 }, null);

async function textOf(stream: ChildProcess["stdout"]): Promise<string> {
  let text = "";
  for await (const chunk of stream ?? []) text += String(chunk);
  return text;
}

async function processes(size: number, work: StepsTask, environment: Record<string, string> = {}) {
  const ranks = startLocalRanks({
    size,
    command: [process.execPath, fileURLToPath(module), JSON.stringify(work)],
    environment: { ...process.env, ...environment },
    output: "pipe",
    graceSeconds: 2,
  });
  const output = ranks.processes.map(({ stdout }) => textOf(stdout));
  const errors = ranks.processes.map(({ stderr }) => textOf(stderr));
  const exits = await ranks.exits;
  return { exits, output: await Promise.all(output), errors: await Promise.all(errors) };
}

const launch = {
  async threads(size: number, work: StepsTask): Promise<Training[][]> {
    const outcomes = await runThreadRanks({ size, module, data: work, limitSeconds: 20 });
    return outcomes.map((outcome) => {
      if (outcome.status === "rejected") throw outcome.reason;
      return outcome.value as Training[];
    });
  },
  async processes(size: number, work: StepsTask): Promise<Training[][]> {
    const { exits, output, errors } = await processes(size, work);
    for (const { rank, code } of exits) assert.equal(code, 0, errors[rank]);
    return output.map((text) => JSON.parse(text) as Training[]);
  },
};

function assertClose(actual: readonly number[], expected: readonly number[], tolerance: number, what: string): void {
  assert.equal(actual.length, expected.length, what);
  for (const [i, value] of actual.entries())
    assert.ok(Math.abs(value - expected[i]) <= tolerance, `${what} ${i}: ${value}, alone ${expected[i]}`);
}

for (const kind of ["threads", "processes"] as const) {
  for (const size of [2, 4]) {
    test(`${size} ranks as ${kind} give the losses of one, with accumulation 1 and 2, and with experts divided`, async () => {
      const ranks = await launch[kind](size, task);
      for (const [i, { accumulation, experts }] of task.trainings.entries()) {
        const one = alone[i];
        for (const trainings of ranks) {
          const { metrics, checksum } = trainings[i];
          const all = (pick: (step: (typeof metrics)[number]) => readonly number[]) =>
            [metrics, one.metrics].map((list) => list.flatMap(pick)) as [number[], number[]];
          const name = (what: string) => `accumulation ${accumulation}${experts ? ", experts divided" : ""}: ${what}`;
          assertClose(...all(({ loss }) => [loss]), 1e-5, name("loss"));
          assertClose(...all(({ gradientNorm }) => [gradientNorm]), 1e-4, name("gradient norm"));
          assertClose(...all(({ maxLogits }) => maxLogits), 1e-4, name("largest logit"));
          assertClose(...all(({ loadImbalance }) => loadImbalance), 1e-6, name("load"));
          assert.equal(checksum, ranks[0][i].checksum, "the ranks' weights have the same bits");
        }
        const shards = ranks.map((trainings) => trainings[i].optimizerBytes);
        assert.equal(
          shards.reduce((sum, bytes) => sum + bytes, 0),
          one.optimizerBytes,
          "every element of the optimizer's state is on one rank",
        );
        assert.ok(Math.max(...shards) < (1.25 * one.optimizerBytes) / size, `${shards} of ${one.optimizerBytes}`);
      }
    });
  }
}

test("an all-reduce that is left out would be noticed", async () => {
  const left = ["target counts", "loss", "largest logits", "expert loads", "gradient norm"];
  const work = { steps: 6, trainings: left.map((_, without) => ({ accumulation: 1, without })) };
  const [trainings] = await launch.threads(2, work);
  for (const [i, what] of left.entries()) {
    const deviation = Math.max(
      ...trainings[i].metrics.map(({ loss, maxLogits, loadImbalance, gradientNorm }, step) => {
        const one = alone[0].metrics[step];
        return Math.max(
          Math.abs(loss - one.loss) / 1e-5,
          Math.abs(gradientNorm - one.gradientNorm) / 1e-4,
          ...maxLogits.map((value, layer) => Math.abs(value - one.maxLogits[layer]) / 1e-4),
          ...loadImbalance.map((value, layer) => Math.abs(value - one.loadImbalance[layer]) / 1e-6),
        );
      }),
    );
    assert.ok(deviation > 2, `without the ${what}: ${deviation} of the tolerance`);
  }
});

test("a rank that is killed in the middle of a step ends the others, which say so", async () => {
  const start = performance.now();
  const { exits, errors } = await processes(4, { steps: 1000, trainings: [{ accumulation: 1 }], killed: [1, 5] });
  assert.ok(performance.now() - start < 15_000);
  for (const { rank, code, signal } of exits) {
    if (rank === 1) assert.equal(signal, "SIGKILL");
    else {
      assert.equal(code, 1);
      assert.match(errors[rank], new RegExp(`rank ${rank}, \\w+ of \\d+: .*rank 1 is lost`));
    }
  }
});

test("a rank that hangs ends the others after the limit", async () => {
  const { exits, errors } = await processes(
    2,
    { steps: 1000, trainings: [{ accumulation: 1 }], hung: [0, 3] },
    { BALTORO_RANK_TIMEOUT: "2" },
  );
  assert.equal(exits[0].rank, 1);
  assert.match(errors[1], /rank 1, allReduce of 1: rank 0 did not arrive in time/);
});

test("a thread that dies ends the others, which say so", async () => {
  const data: StepsTask = { steps: 1000, trainings: [{ accumulation: 1 }], killed: [2, 5] };
  const outcomes = await runThreadRanks({ size: 4, module, data, limitSeconds: 20 });
  for (const rank of [0, 1, 3]) {
    const outcome = outcomes[rank];
    assert.ok(outcome.status === "rejected");
    assert.match(String(outcome.reason), /rank 2 is lost: its thread ended/);
  }
});
