/** Runs every test of every package. Fails if a package has none. `npm test -- PATTERN` runs the files whose path holds it. */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, readdirSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const patterns = process.argv.slice(2);

function packagesOf(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(root, folder, entry.name, "package.json")))
    .map((entry) => join(folder, entry.name));
}

const rooms = [...packagesOf("packages"), ...packagesOf("apps")];
const files = rooms.flatMap((room) => {
  if (globSync("src/**/*.ts", { cwd: join(root, room) }).length === 0) return [];
  const found = globSync("test/**/*.test.ts", { cwd: join(root, room) }).map((file) => join(room, file));
  if (found.length === 0) {
    console.error(`${room} has no test: add ${room}/test/NAME.test.ts`);
    process.exit(1);
  }
  return found;
});
const chosen = files
  .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
  .sort();
if (chosen.length === 0) {
  console.error(`no test file matches ${patterns.join(" ")}`);
  process.exit(1);
}
// Two files at a time: each may use two threads of its own.
const { status } = spawnSync(process.execPath, ["--test", "--test-concurrency=2", "--test-timeout=300000", ...chosen], {
  cwd: root,
  stdio: "inherit",
});
process.exit(status ?? 1);
