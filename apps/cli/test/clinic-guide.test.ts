import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname, "../../..");
const module = new URL("../../../packages/clinic/test/small-assessor.ts", import.meta.url).href;
const guide = readFileSync(join(root, "docs/guide/clinic-service.md"), "utf8");
const blocks = [...guide.matchAll(/```sh\n(.*?)```/gs)].map(([, block]) => block);
const missing = ["bash", "curl", "base64"].find((tool) => spawnSync(tool, ["--version"]).error);

test("the guide's examples run, from top to bottom", {
  timeout: 120_000,
  skip: missing && `${missing} is not here`,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), "baltoro-guide-"));
  const data = join(directory, "data");
  const server = spawn(process.execPath, [join(import.meta.dirname, "clinic-server.ts"), data, module], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  try {
    const url = String((await once(server.stdout, "data"))[0]).trim();
    // What `npx baltoro` runs, wherever the shell is.
    const npx = `#!/bin/sh\nshift\nexec "${process.execPath}" --disable-warning=ExperimentalWarning "${join(root, "apps/cli/src/main.ts")}" "$@"\n`;
    writeFileSync(join(directory, "npx"), npx, { mode: 0o755 });
    const child = spawn("bash", ["-euo", "pipefail", "-c", blocks.join("\necho; echo ----\n")], {
      cwd: directory,
      env: { ...process.env, CLINIC: url, BALTORO_CLINIC_DATA: data, PATH: `${directory}:${process.env["PATH"]}` },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [output, errors] = ["", ""];
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (errors += chunk));
    const [code] = await once(child, "close");
    assert.equal(code, 0, errors);
    const [health, assess, fhir, cds, keys, audit] = output.split("----\n");
    assert.match(health, /"status":"ok"/);
    assert.equal(assess.match(/"schema":"baltoro.assessment\/1"/g)?.length, 2);
    assert.match(fhir, /"resourceType":"RiskAssessment".*"probabilityDecimal"/);
    assert.match(cds, /"services":\[.*"cards":\[\{.*200\n/s);
    assert.match(keys, /clinician .*ward 3\n.*401\n200\nkey [0-9a-f]{8} is revoked/s);
    assert.match(audit, /entries, none changed; head \{"seq":\d+.*entries, none changed.*are in audit-copy\.db/s);
  } finally {
    server.kill("SIGTERM");
    await once(server, "exit");
    rmSync(directory, { recursive: true });
  }
});
