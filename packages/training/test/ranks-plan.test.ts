/** Who is a rank, who holds which part of the optimizer, and who takes which rows. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createModel, preset } from "@baltoro/k2";
import { openDevice } from "@baltoro/tensor";
import {
  gpuOfRank,
  optimizedParameters,
  type PlannedParameter,
  planShards,
  ranksFromEnvironment,
  rendezvousFromEnvironment,
} from "@baltoro/training";
import fc from "fast-check";

const parameters = fc.array(
  fc.oneof(
    fc.record({
      group: fc.constant("muon" as const),
      shape: fc.oneof(
        fc.tuple(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 40 })),
        fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })),
      ),
    }),
    fc.record({ group: fc.constant("adamw" as const), shape: fc.tuple(fc.integer({ min: 1, max: 5000 })) }),
  ),
  { minLength: 1, maxLength: 20 },
);

test("every element of every parameter is in one piece, matrices are whole, pieces fit their segments", () => {
  fc.assert(
    fc.property(parameters, fc.integer({ min: 1, max: 9 }), (drawn, size) => {
      const list: PlannedParameter[] = drawn.map((parameter, i) => ({ ...parameter, name: `p${i}` }));
      const { pieces, segment, work } = planShards(list, size);
      assert.equal(work.length, size);
      assert.deepEqual(planShards(structuredClone(list), size).pieces, pieces);
      for (const [index, { shape, group }] of list.entries()) {
        const own = pieces.filter(({ parameter }) => parameter === index);
        let next = 0;
        for (const { start, size: length, shape: pieceShape } of own) {
          assert.equal(start, next);
          assert.equal(start % 16, 0);
          assert.equal(
            pieceShape.reduce((product, axis) => product * axis, 1),
            length,
          );
          if (group === "muon") assert.deepEqual(pieceShape.slice(-2), shape.slice(-2));
          next += length;
        }
        assert.equal(
          next,
          shape.reduce((product: number, axis) => product * axis, 1),
        );
      }
      assert.equal(segment % 16, 0);
      for (let rank = 0; rank < size; rank++) {
        let end = 0;
        const own = pieces.filter((piece) => piece.rank === rank).sort((a, b) => a.offset - b.offset);
        for (const { offset, size: length } of own) {
          assert.equal(offset % 16, 0);
          assert.ok(offset >= end);
          end = offset + length;
        }
        assert.ok(end <= segment);
      }
    }),
    { seed: 1 },
  );
});

test("the presets' optimizers divide evenly among 2, 4 and 8 ranks", async () => {
  const device = await openDevice("wasm", { threads: 1 });
  try {
    using model = createModel(device, preset("k2-nano"), { trainable: true });
    const list = optimizedParameters(model).map(({ name, tensor, group }) => ({ name, shape: tensor.shape, group }));
    const total = optimizedParameters(model).reduce((sum, { tensor }) => sum + tensor.size, 0);
    for (const size of [2, 4, 8]) {
      const { segment, work } = planShards(list, size);
      assert.ok((segment * size) / total < 1.02, `${size} ranks: segments of ${segment} for ${total / size}`);
      const mean = work.reduce((sum, value) => sum + value, 0) / size;
      assert.ok(Math.max(...work) / mean < 1.1, `${size} ranks: work ${work}`);
    }
  } finally {
    await device.close();
  }
});

test("a matrix is needed", () => {
  assert.throws(
    () => planShards([{ name: "x", shape: [3], group: "muon" }], 2),
    /x has shape \[3\], expected a matrix/,
  );
});

test("launchers are recognized", () => {
  const place = (environment: Record<string, string>) => {
    const found = ranksFromEnvironment(environment);
    return found && [found.source, found.rank, found.size, found.localRank, found.localSize];
  };
  assert.equal(place({}), null);
  assert.equal(place({ MASTER_ADDR: "10.0.0.1", MASTER_PORT: "29500" }), null);
  assert.deepEqual(place({ RANK: "1", WORLD_SIZE: "4" }), ["torchrun", 1, 4, 1, 4]);
  assert.deepEqual(place({ RANK: "5", WORLD_SIZE: "8", LOCAL_RANK: "1", LOCAL_WORLD_SIZE: "4" }), [
    "torchrun",
    5,
    8,
    1,
    4,
  ]);
  assert.deepEqual(place({ OMPI_COMM_WORLD_RANK: "2", OMPI_COMM_WORLD_SIZE: "3", OMPI_COMM_WORLD_LOCAL_RANK: "2" }), [
    "Open MPI",
    2,
    3,
    2,
    3,
  ]);
  assert.deepEqual(
    place({ SLURM_PROCID: "3", SLURM_NTASKS: "4", SLURM_LOCALID: "1", SLURM_NTASKS_PER_NODE: "2", SLURM_JOB_ID: "7" }),
    ["Slurm", 3, 4, 1, 2],
  );
  // Without --ntasks-per-node, Slurm lists the nodes' tasks.
  const listed = { SLURM_PROCID: "5", SLURM_NTASKS: "7", SLURM_LOCALID: "1", SLURM_TASKS_PER_NODE: "2(x2),3" };
  assert.deepEqual(place({ ...listed, SLURM_NODEID: "2" }), ["Slurm", 5, 7, 1, 3]);
  assert.deepEqual(place({ ...listed, SLURM_NODEID: "1" }), ["Slurm", 5, 7, 1, 2]);
  // The shell of salloc knows how many tasks there may be, and is none of them.
  assert.equal(place({ SLURM_NTASKS: "4", SLURM_JOB_ID: "7" }), null);
  // torchrun within one task of srun, and one torchrun on each of two nodes.
  assert.deepEqual(place({ RANK: "1", WORLD_SIZE: "2", SLURM_PROCID: "0", SLURM_NTASKS: "1" }), [
    "torchrun",
    1,
    2,
    1,
    2,
  ]);
  assert.deepEqual(
    place({
      RANK: "9",
      WORLD_SIZE: "16",
      LOCAL_RANK: "1",
      LOCAL_WORLD_SIZE: "8",
      SLURM_PROCID: "1",
      SLURM_NTASKS: "2",
      TORCHELASTIC_RUN_ID: "a",
    }),
    ["torchrun", 9, 16, 1, 8],
  );
});

test("where the ranks of several machines meet", () => {
  const meet = (environment: Record<string, string>) => {
    const place = ranksFromEnvironment(environment);
    assert.ok(place);
    return rendezvousFromEnvironment(place, environment);
  };
  const torchrun = { RANK: "1", WORLD_SIZE: "4", LOCAL_RANK: "1", LOCAL_WORLD_SIZE: "2" };
  const addressed = { ...torchrun, MASTER_ADDR: "10.0.0.1", MASTER_PORT: "29500" };
  const { host, port, group } = meet(addressed);
  assert.deepEqual([host, port], ["10.0.0.1", 29500]);
  // torchrun's own store listens on MASTER_PORT.
  assert.equal(meet({ ...addressed, TORCHELASTIC_USE_AGENT_STORE: "True" }).port, 29501);
  assert.notEqual(meet({ ...addressed, TORCHELASTIC_RUN_ID: "other" }).group, group);
  assert.deepEqual(
    [meet({ ...addressed, BALTORO_RENDEZVOUS: "[fd00::1]:4000" })].map((one) => [one.host, one.port]),
    [["fd00::1", 4000]],
  );
  const slurm = { SLURM_PROCID: "3", SLURM_NTASKS: "4", SLURM_LOCALID: "1", SLURM_NTASKS_PER_NODE: "2" };
  const job = { ...slurm, SLURM_JOB_ID: "1234567", SLURM_STEP_ID: "2", SLURM_STEP_NODELIST: "gpu[007-008,11],big" };
  assert.deepEqual([meet(job).host, meet(job).port], ["gpu007", 19567]);
  assert.equal(meet({ ...job, SLURM_STEP_NODELIST: "a1,a2" }).host, "a1");
  assert.equal(meet({ ...job, SLURM_STEP_NODELIST: "rack[1-2]-gpu" }).host, "rack1-gpu");
  assert.deepEqual(
    [meet({ ...job, MASTER_ADDR: "b", MASTER_PORT: "7" })].map((one) => [one.host, one.port]),
    [["b", 7]],
  );
  const refused: [Record<string, string>, RegExp][] = [
    [torchrun, /MASTER_ADDR and MASTER_PORT are not set; give every rank/],
    [{ ...torchrun, MASTER_ADDR: "a" }, /MASTER_PORT is not set/],
    [{ ...addressed, MASTER_PORT: "70000" }, /port of MASTER_PORT is "70000"/],
    [{ ...addressed, BALTORO_RENDEZVOUS: "4000" }, /BALTORO_RENDEZVOUS is "4000", expected HOST:PORT/],
    [{ ...addressed, BALTORO_RENDEZVOUS: "a:" }, /port of BALTORO_RENDEZVOUS is ""/],
    [slurm, /MASTER_ADDR and MASTER_PORT/],
  ];
  for (const [environment, message] of refused) assert.throws(() => meet(environment), message);
});

test("each rank of a machine has a GPU of its own", () => {
  const place = (localRank: number) => {
    const found = ranksFromEnvironment({
      RANK: "5",
      WORLD_SIZE: "8",
      LOCAL_RANK: `${localRank}`,
      LOCAL_WORLD_SIZE: "4",
    });
    assert.ok(found);
    return found;
  };
  assert.deepEqual(
    [0, 1, 3].map((localRank) => gpuOfRank(place(localRank), 4)),
    [0, 1, 3],
  );
  // Where the launcher shows each process one GPU, that one.
  assert.equal(gpuOfRank(place(3), 1), 0);
  assert.throws(
    () => gpuOfRank(place(2), 2),
    /4 ranks are on this machine, which shows 2 GPUs; start one rank for each GPU/,
  );
});

test("half-set and contradictory variables are refused", () => {
  const refused: [Record<string, string>, RegExp][] = [
    [{ RANK: "0" }, /RANK is set, WORLD_SIZE is not/],
    [{ WORLD_SIZE: "2" }, /WORLD_SIZE is set, RANK is not/],
    [{ LOCAL_RANK: "0" }, /LOCAL_RANK is set, RANK is not; set both RANK and WORLD_SIZE/],
    [{ RANK: "0", WORLD_SIZE: "" }, /WORLD_SIZE is not/],
    [{ RANK: "-1", WORLD_SIZE: "2" }, /RANK is "-1", expected a whole number/],
    [{ RANK: "0", WORLD_SIZE: "two" }, /WORLD_SIZE is "two"/],
    [{ RANK: "0", WORLD_SIZE: "0" }, /WORLD_SIZE is 0/],
    [{ RANK: "2", WORLD_SIZE: "2" }, /RANK is 2, but WORLD_SIZE is 2/],
    [{ RANK: "0", WORLD_SIZE: "2", LOCAL_RANK: "1" }, /LOCAL_RANK is 1, more than RANK, 0/],
    [{ RANK: "5", WORLD_SIZE: "8", LOCAL_RANK: "4", LOCAL_WORLD_SIZE: "4" }, /LOCAL_RANK is 4, but LOCAL_WORLD_SIZE/],
    [{ SLURM_PROCID: "1" }, /SLURM_PROCID is set, SLURM_NTASKS is not/],
    [{ OMPI_COMM_WORLD_RANK: "1" }, /OMPI_COMM_WORLD_SIZE is not/],
    [
      { RANK: "0", WORLD_SIZE: "2", OMPI_COMM_WORLD_RANK: "1", OMPI_COMM_WORLD_SIZE: "2" },
      /torchrun says rank 0 of 2, Open MPI says rank 1 of 2/,
    ],
  ];
  for (const [environment, message] of refused) assert.throws(() => ranksFromEnvironment(environment), message);
});
