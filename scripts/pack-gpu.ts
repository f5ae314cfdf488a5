/**
 * `npm run pack:gpu`: puts what this project needs on a machine with a GPU, and without Node or a network, into .gpu/: Node itself
 * (packed), koffi, the built CPU kernels, and the runtime dependencies of the command. There, in a checkout with that folder:
 *
 *     . .gpu/unpack.sh && node apps/cli/bin/baltoro.js doctor
 *
 * .gpu/ is ignored by git: carry it beside the checkout's files.
 */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const modules = join(root, "node_modules");
const target = join(root, ".gpu");

/** Packages that the workspaces need at run time, with what those need themselves. */
function runtimePackages(): string[] {
  const found = new Set<string>();
  const visit = (name: string) => {
    const manifest = join(modules, name, "package.json");
    if (found.has(name) || name.startsWith("@baltoro/") || name === "node" || !existsSync(manifest)) return;
    found.add(name);
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(manifest, "utf8"));
    for (const dependency of [...Object.keys(dependencies), ...Object.keys(optionalDependencies)]) visit(dependency);
  };
  for (const room of ["packages", "apps"]) {
    for (const name of readdirSync(join(root, room))) {
      const manifest = join(root, room, name, "package.json");
      if (existsSync(manifest))
        for (const dependency of Object.keys(JSON.parse(readFileSync(manifest, "utf8")).dependencies ?? {}))
          visit(dependency);
    }
  }
  return [...found].sort();
}

for (const part of ["modules", "tensor-dist", "bin"]) rmSync(join(target, part), { recursive: true, force: true });
mkdirSync(join(target, "modules"), { recursive: true });
// Packing Node takes a minute: a pack that is newer than the binary is kept.
const binary = join(modules, "node/bin/node");
const packedNode = join(target, "node.xz");
if (!existsSync(packedNode) || statSync(packedNode).mtimeMs < statSync(binary).mtimeMs) {
  writeFileSync(packedNode, execFileSync("xz", ["-6", "-T0", "-c", binary], { maxBuffer: 2 ** 28 }));
}
for (const name of runtimePackages()) {
  mkdirSync(dirname(join(target, "modules", name)), { recursive: true });
  // Sources and type declarations are of no use there.
  cpSync(join(modules, name), join(target, "modules", name), {
    recursive: true,
    filter: (path) =>
      !/\.(d\.[cm]?ts|map|md|h|hh|cc|cpp|asm|lib)$/.test(path) && !/\/(node_modules|vendor|docs?|zod\/src)$/.test(path),
  });
}
cpSync(join(root, "packages/tensor/dist"), join(target, "tensor-dist"), { recursive: true });
writeFileSync(
  join(target, "unpack.sh"),
  `# Run with a dot from the checkout's root: puts Node on the PATH and the packages in place.
here="$(pwd)"
mkdir -p .gpu/bin node_modules/@baltoro packages/tensor/dist
[ -x .gpu/bin/node ] || { xz -dc .gpu/node.xz > .gpu/bin/node && chmod +x .gpu/bin/node; }
mkdir -p node_modules/node/bin && ln -sfn "$here/.gpu/bin/node" node_modules/node/bin/node
cp -r .gpu/modules/. node_modules/
cp .gpu/tensor-dist/* packages/tensor/dist/
for room in packages/* apps/cli; do
  name="$(.gpu/bin/node -p "require('./$room/package.json').name" 2>/dev/null)" || continue
  mkdir -p "node_modules/$(dirname "$name")" && ln -sfn "$here/$room" "node_modules/$name"
done
export PATH="$here/.gpu/bin:$PATH"
`,
);
chmodSync(join(target, "unpack.sh"), 0o755);

function bytesOf(path: string): number {
  const stat = statSync(path);
  return stat.isDirectory() ? readdirSync(path).reduce((sum, name) => sum + bytesOf(join(path, name)), 0) : stat.size;
}
console.log(`.gpu: ${(bytesOf(target) / 2 ** 20).toFixed(1)} MiB`);
