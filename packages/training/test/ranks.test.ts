/** Training on several ranks is training on one; a rank that is lost ends the others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runThreadRanks } from "@baltoro/training";
import { freePort } from "./ranks/free-port.ts";
import { assertSameTraining, stepsMachines, stepsProcesses, trainingsOf } from "./ranks/run-steps.ts";
import { type StepsTask, type Training, trainSteps } from "./ranks/steps.ts";

const module = new URL("./ranks/steps.ts", import.meta.url);
const task: StepsTask = {
  steps: 20,
  trainings: [{ accumulation: 1 }, { accumulation: 2 }, { accumulation: 2, experts: true }],
};
const alone = await trainSteps(task, { rank: 0, size: 1 }, null);

const launch = {
  async threads(size: number, work: StepsTask): Promise<Training[][]> {
    const outcomes = await runThreadRanks({ size, module, data: work, limitSeconds: 20 });
    return outcomes.map((outcome) => {
      if (outcome.status === "rejected") throw outcome.reason;
      return outcome.value as Training[];
    });
  },
  async processes(size: number, work: StepsTask): Promise<Training[][]> {
    return trainingsOf(await stepsProcesses(size, work));
  },
};

for (const kind of ["threads", "processes"] as const) {
  for (const size of [2, 4]) {
    test(`${size} ranks as ${kind} give the losses of one, with accumulation 1 and 2, and with experts divided`, async () => {
      const ranks = await launch[kind](size, task);
      for (const [i, { accumulation, experts }] of task.trainings.entries()) {
        const one = alone[i];
        for (const trainings of ranks) {
          const { checksum } = trainings[i];
          assertSameTraining(
            trainings[i],
            one,
            1e-5,
            `accumulation ${accumulation}${experts ? ", experts divided" : ""}`,
          );
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

test("ranks that say they are on two machines meet over TCP, and train the same; a lost one ends the others there too", async () => {
  const work: StepsTask = { steps: 20, trainings: [{ accumulation: 2 }] };
  const trainings = trainingsOf(await stepsMachines(2, await freePort(), work));
  for (const one of trainings) assertSameTraining(one[0], alone[1], 1e-5, "over TCP");

  const { exits, errors } = await stepsMachines(2, await freePort(), { ...work, steps: 1000, killed: [0, 5] });
  assert.deepEqual(
    exits.map(({ rank, code, signal }) => [rank, code, signal]),
    [
      [0, null, "SIGKILL"],
      [1, 1, null],
    ],
  );
  assert.match(errors[1], /rank 1, \w+ of \d+: .*rank 0 is lost/);
});

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
  const { exits, errors } = await stepsProcesses(4, { steps: 1000, trainings: [{ accumulation: 1 }], killed: [1, 5] });
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
  const { exits, errors } = await stepsProcesses(
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
