/** Every kernel of the WASM backend against the float64 reference, with one, two and three threads. */
import { after, test } from "node:test";
import { type Backend, openReferenceBackend, openWasmBackend } from "@baltoro/tensor";
import { conformsToReference, roundsToBf16 } from "./conformance/index.ts";

const backends: Backend[] = [];
after(() => Promise.all(backends.map((backend) => backend.close())));

for (const threads of [1, 2, 3]) {
  test(`every kernel agrees with the reference on ${threads} thread${threads > 1 ? "s" : ""}`, async (t) => {
    const wasm = await openWasmBackend({ threads });
    backends.push(wasm);
    await conformsToReference(t, wasm, 1000 * threads);
  });
}

test("bf16 rounds to nearest even, keeps NaN, and comes back exactly", async () => {
  for (const backend of [openReferenceBackend(), backends[0]]) await roundsToBf16(backend);
});
