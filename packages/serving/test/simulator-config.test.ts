import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ConfigError,
  createSimulation,
  parseCluster,
  type SimulationInput,
  simulationConfig,
} from "../src/simulator/index.ts";
import { traceOf } from "./simulator-parts.ts";

test("clusters are read, and what is none is refused", () => {
  assert.deepEqual(parseCluster("10P12D"), { prefill: 10, decode: 12, coupled: 0 });
  assert.deepEqual(parseCluster("20m"), { prefill: 0, decode: 0, coupled: 20 });
  for (const bad of ["", "10P", "0P1D", "1P0D", "0M", "P1D", "10P10D2M", "-1P2D"]) {
    assert.throws(() => parseCluster(bad), /cluster: ".*" is not like 10P10D/, bad);
  }
});

const refused: readonly [Partial<SimulationInput>, string, RegExp][] = [
  [{ ttftLimitMs: 0 }, "ttftLimitMs", /0 is not > 0/],
  [{ tbtLimitMs: Number.NaN }, "tbtLimitMs", /NaN is not > 0/],
  [{ mfu: 1.2 }, "mfu", /1.2 is more than 1/],
  [{ eventDelayMs: -1 }, "eventDelayMs", /-1 is not ≥ 0/],
  [{ maxDecodeBatch: 1.5 }, "maxDecodeBatch", /1.5 is not an integer ≥ 1/],
  [{ seed: 0.5 }, "seed", /0.5 is not an integer/],
  [{ policy: "best" as "min" }, "policy", /"best" is none of paper, min/],
  [{ coupled: { chunkTokens: 0 } }, "coupled.chunkTokens", /0 is not an integer/],
  [{ prefillGroup: 3 }, "prefillGroup", /3 does not divide the 4 prefill nodes/],
  [{ prefillGroup: 2, roleSwitching: true }, "roleSwitching", /prefillGroup must be 1/],
  [{ model: "gpt" }, "model", /"gpt" is not known; there are llama2-70b/],
  [{ hardware: "tpu" }, "hardware", /"tpu" is not known; there are a100/],
  [{ model: "kimi-k2", cost: "first-principles" }, "hardware", /a node of 8 × a800 has 576 GB .* needs 1026 GB/],
  [{ model: "kimi-k2", hardware: "h200x16" }, "cost", /equation-1 has no constants for kimi-k2/],
  [{ model: "llama3-8b", cost: "measured" }, "cost", /no measurements of llama3-8b on a800/],
  [{ tbtLimitMs: 5 }, "tbtLimitMs", /5 ms is below 19\.\d ms, which a decode step of one sequence takes/],
  [{ ttftLimitMs: 10 }, "ttftLimitMs", /10 ms is below 19\.\d ms/],
  [{ dramGiB: 0.1 }, "dramGiB", /0.1 hold no block of 512 tokens, which is 0.156 GiB/],
  [{ dramGb: 5 } as Partial<SimulationInput>, "dramGb", /no such field/],
];

for (const [change, field, message] of refused) {
  test(`${JSON.stringify(change)} is refused, naming ${field}`, () => {
    assert.throws(
      () => createSimulation(traceOf([]), { cluster: "4P4D", ...change }),
      (error) => error instanceof ConfigError && error.field === field && message.test(error.message),
    );
  });
}

test("fields that are undefined take their defaults", () => {
  assert.deepEqual(
    simulationConfig({ cluster: "1P1D", ttftLimitMs: undefined }),
    simulationConfig({ cluster: "1P1D" }),
  );
});
