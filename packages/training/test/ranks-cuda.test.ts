/**
 * Ranks on GPUs, over NCCL: the collectives' own suite, training as on one GPU, and ranks that die or hang. With one GPU a group of one;
 * the rest skips, saying so.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { countGpus, loadNccl } from "@baltoro/tensor";
import { runThreadRanks } from "@baltoro/training";
import { skipWithoutGpu } from "../../tensor/test/gpu.ts";
import { type CollectivesTask, groups } from "./ranks/collectives.ts";
import { freePort } from "./ranks/free-port.ts";
import { assertSameTraining, stepsProcesses, trainingsOf } from "./ranks/run-steps.ts";
import type { StepsTask } from "./ranks/steps.ts";

/** NCCL is optional, also where there is a GPU. */
function skipWithoutNccl(): string | false {
  try {
    loadNccl();
    return false;
  } catch (error) {
    return (error as Error).message;
  }
}

const skip = skipWithoutGpu() || skipWithoutNccl();
const gpus = skip ? 0 : countGpus();
const skipBelow = (needed: number) => skip || (gpus < needed && `${needed} GPUs are needed, the driver shows ${gpus}`);
const module = new URL("./ranks/collectives.ts", import.meta.url);

for (const size of [1, 2]) {
  test(`collectives of ${size} ranks on GPUs over NCCL`, { skip: skipBelow(size) }, async () => {
    const ports = await Promise.all(Array.from({ length: groups }, freePort));
    const data: CollectivesTask = { backend: "cuda", cases: 60, seed: size, ports };
    for (const outcome of await runThreadRanks({ size, module, data, limitSeconds: 20 })) {
      if (outcome.status === "rejected") throw outcome.reason;
      assert.ok((outcome.value as number) > 1000);
    }
  });
}

const trainings: StepsTask["trainings"] = [
  { accumulation: 1 },
  { accumulation: 2 },
  { accumulation: 2, experts: true },
  { accumulation: 2, enqueued: true },
];

test("2 GPUs give the losses of one, with accumulation 1 and 2, with experts divided, captured and not", {
  skip: skipBelow(2),
}, async () => {
  const task: StepsTask = { steps: 20, device: "cuda", trainings };
  const [alone] = trainingsOf(await stepsProcesses(1, task));
  const ranks = trainingsOf(await stepsProcesses(2, task, {}, 20));
  for (const [i, training] of trainings.entries()) {
    for (const of of ranks) {
      assertSameTraining(of[i], alone[i], 1e-4, JSON.stringify(training));
      assert.equal(of[i].checksum, ranks[0][i].checksum, "the ranks' weights have the same bits");
    }
    const shards = ranks.map((of) => of[i].optimizerBytes);
    assert.equal(shards[0] + shards[1], alone[i].optimizerBytes);
  }
  // A replayed step has the bits of one that is enqueued.
  assert.deepEqual(ranks[0][3].metrics, ranks[0][1].metrics);
  assert.equal(ranks[0][3].checksum, ranks[0][1].checksum);
});

test("a group of one over NCCL trains, captured, as enqueued kernel by kernel", { skip: skipBelow(1) }, async () => {
  const task: StepsTask = {
    ...{ steps: 8, device: "cuda" },
    trainings: [{ accumulation: 2 }, { accumulation: 2, enqueued: true }],
  };
  const [[captured, enqueued]] = trainingsOf(await stepsProcesses(1, task));
  assert.deepEqual(captured.metrics, enqueued.metrics);
  assert.equal(captured.checksum, enqueued.checksum);
});

for (const [what, enqueued] of [
  ["a replayed", false],
  ["an enqueued", true],
] as const) {
  test(`a rank that is killed in the middle of ${what} step ends the others, which say so`, {
    skip: skipBelow(2),
  }, async () => {
    const task: StepsTask = {
      steps: 1000,
      device: "cuda",
      trainings: [{ accumulation: 1, enqueued }],
      killed: [1, 12],
    };
    const start = performance.now();
    const { exits, errors } = await stepsProcesses(2, task, {}, 60);
    assert.ok(performance.now() - start < 60_000);
    for (const { rank, code, signal } of exits) {
      if (rank === 1) assert.equal(signal, "SIGKILL");
      else {
        assert.equal(code, 1, `${signal} ${errors[rank]}`);
        assert.match(errors[rank], /rank 0, .*: .*rank 1 is lost/);
      }
    }
  });
}

test("a rank that hangs ends the others after the limit", { skip: skipBelow(2) }, async () => {
  const task: StepsTask = { steps: 1000, device: "cuda", trainings: [{ accumulation: 1 }], hung: [0, 8] };
  const { exits, errors } = await stepsProcesses(2, task, { BALTORO_RANK_TIMEOUT: "5" });
  assert.equal(exits[0].rank, 1);
  assert.match(errors[1], /rank 1 gave up in rollCall: rank 0 did not arrive in time/);
});

test("two ranks on one GPU are refused", { skip: skipBelow(1) }, async () => {
  const task: StepsTask = { steps: 1, device: "cuda", gpu: 0, trainings: [{ accumulation: 1 }] };
  const { exits, errors } = await stepsProcesses(2, task, {}, 20);
  for (const { rank, code } of exits) {
    assert.equal(code, 1);
    assert.match(errors[rank], /rank 0 and rank 1 have the same GPU; start no more ranks/);
  }
});
