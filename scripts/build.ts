/** What `npm ci` builds: the WebAssembly kernels, and the web app. Unchanged sources are not built again. */
import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildKernels } from "./build-kernels.ts";

const root = join(import.meta.dirname, "..");

/** Runs `build` unless the sources and outputs are as they were the last time. */
async function whenChanged(
  name: string,
  patterns: readonly string[],
  outputs: readonly string[],
  build: () => Promise<void>,
): Promise<void> {
  const hash = createHash("sha256");
  for (const pattern of patterns) {
    for (const file of globSync(pattern, { cwd: root }).sort())
      hash.update(file).update(readFileSync(join(root, file)));
  }
  const digest = hash.digest("hex");
  const stamp = join(root, "node_modules", ".cache", `baltoro-${name}.sha256`);
  const fresh =
    existsSync(stamp) &&
    readFileSync(stamp, "utf8") === digest &&
    outputs.every((file) => existsSync(join(root, file)));
  if (fresh) return;
  const start = performance.now();
  await build();
  mkdirSync(join(root, "node_modules", ".cache"), { recursive: true });
  writeFileSync(stamp, digest);
  console.log(`built ${name} in ${((performance.now() - start) / 1000).toFixed(1)} s`);
}

await whenChanged(
  "kernels",
  ["packages/tensor/src/devices/wasm/assembly/*.ts", "packages/tensor/src/kernels/*.ts", "scripts/build-kernels.ts"],
  ["packages/tensor/dist/kernels.wasm"],
  () => buildKernels(root),
);

const webConfig = join(root, "apps/web/vite.config.ts");
if (existsSync(webConfig)) {
  await whenChanged("web", ["apps/web/{src,public}/**/*.*", "apps/web/*.*"], ["apps/web/dist/index.html"], async () => {
    const { build } = await import("vite");
    await build({ root: join(root, "apps/web"), configFile: webConfig, logLevel: "warn" });
  });
}
