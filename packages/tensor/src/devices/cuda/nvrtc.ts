import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { loadLibrary } from "./libraries.ts";

const directory = join(import.meta.dirname, "kernels");

/** The kernel files, without `.cu`. */
export function kernelFiles(): string[] {
  return readdirSync(directory)
    .filter((name) => name.endsWith(".cu"))
    .map((name) => name.slice(0, -3))
    .sort();
}

/**
 * Source of a file after common.cuh, with the headers of this folder that it includes, each once, in place. A buffer x has elements of
 * type T_x: float, where no macro of the compilation says bf16, so that every kernel is written once for all mixtures. Weights of products
 * have W_x: bf16, where none says e4m3.
 */
export function kernelSource(file: string): string {
  const known = new Set<string>();
  const expand = (name: string): string => {
    if (known.has(name)) return "";
    known.add(name);
    const lines = readFileSync(join(directory, name), "utf8").split("\n");
    const expanded = lines.map((line, i) => {
      const included = /^#include "(.+)"$/.exec(line)?.[1];
      return included ? `${expand(included)}\n#line ${i + 2} "${name}"` : line;
    });
    return [`#line 1 "${name}"`, ...expanded].join("\n");
  };
  const common = expand("common.cuh");
  const source = expand(`${file}.cu`);
  const types = new Set(source.match(/\b[TW]_\w+/g));
  const defaults = [...types]
    .map((name) => `#ifndef ${name}\n#define ${name} ${name.startsWith("T_") ? "float" : "bf16"}\n#endif\n`)
    .join("");
  return `${common}\n${defaults}${source}`;
}

/** Where compiled kernels are kept: BALTORO_CACHE, or the user's cache directory. */
export function kernelCacheDirectory(): string {
  const base =
    process.env["BALTORO_CACHE"] ?? join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "baltoro");
  return join(base, "kernels");
}

/**
 * Machine code of a kernel file for a chip such as "sm_90a", from the cache or compiled by NVRTC (a second or less). Named by the hash of
 * source, chip, options and compiler, so that it is never stale.
 *
 * @throws with the compiler's log.
 */
export function compileKernels(file: string, chip: string, macros: readonly string[] = []): Uint8Array {
  const compiler = loadCompiler();
  const options = [
    `--gpu-architecture=${chip}`,
    "--std=c++17",
    "-default-device",
    ...macros.map((macro) => `-D${macro}`),
  ];
  const source = kernelSource(file);
  const hash = createHash("sha256")
    .update([compiler.version, ...options, source].join("\0"))
    .digest("hex")
    .slice(0, 32);
  const path = join(kernelCacheDirectory(), `${file}-${chip}-${hash}.cubin`);
  try {
    return readFileSync(path);
  } catch {
    const code = compiler.compile(source, `${file}.cu`, options);
    store(path, code);
    return code;
  }
}

/** Written beside and renamed, so that no other process sees half a file. A cache that cannot be written costs time only. */
function store(path: string, code: Uint8Array): void {
  try {
    mkdirSync(kernelCacheDirectory(), { recursive: true });
    const temporary = `${path}.${process.pid}.${performance.now()}`;
    writeFileSync(temporary, code);
    renameSync(temporary, path);
  } catch (error) {
    process.emitWarning(
      `compiled kernels cannot be kept in ${kernelCacheDirectory()}: ${(error as Error).message}. BALTORO_CACHE=${tmpdir()} names another directory`,
    );
  }
}

interface Compiler {
  readonly version: string;
  compile(source: string, name: string, options: readonly string[]): Uint8Array;
}

let loaded: Compiler | undefined;

function loadCompiler(): Compiler {
  if (loaded) return loaded;
  const { library } = loadLibrary("nvrtc");
  const bind = (prototype: string) => library.func(prototype) as (...args: readonly unknown[]) => number;
  const version = bind("int nvrtcVersion(_Out_ int *major, _Out_ int *minor)");
  const create = bind(
    "int nvrtcCreateProgram(_Out_ uintptr_t *program, const char *source, const char *name, int headers, const void *sources, const void *names)",
  );
  const compile = bind("int nvrtcCompileProgram(uintptr_t program, int count, const char **options)");
  const logSize = bind("int nvrtcGetProgramLogSize(uintptr_t program, _Out_ size_t *bytes)");
  const log = bind("int nvrtcGetProgramLog(uintptr_t program, uint8_t *text)");
  const codeSize = bind("int nvrtcGetCUBINSize(uintptr_t program, _Out_ size_t *bytes)");
  const code = bind("int nvrtcGetCUBIN(uintptr_t program, uint8_t *code)");
  const destroy = bind("int nvrtcDestroyProgram(uintptr_t *program)");
  const text = library.func("const char *nvrtcGetErrorString(int code)") as (code: number) => string;
  const check = (what: string, result: number) => {
    if (result !== 0) throw new Error(`${what}: ${text(result)}`);
  };
  const [major, minor] = [[0], [0]];
  check("nvrtcVersion", version(major, minor));
  loaded = {
    version: `${major[0]}.${minor[0]}`,
    compile(source, name, options) {
      const program: (number | bigint)[] = [0];
      check("nvrtcCreateProgram", create(program, source, name, 0, null, null));
      try {
        const result = compile(Number(program[0]), options.length, options);
        if (result !== 0) {
          const bytes = [0];
          check("nvrtcGetProgramLogSize", logSize(program[0], bytes));
          const buffer = Buffer.alloc(Number(bytes[0]));
          check("nvrtcGetProgramLog", log(program[0], buffer));
          throw new Error(`${name} does not compile (${text(result)}):\n${buffer.toString("utf8").replace(/\0/g, "")}`);
        }
        const bytes = [0];
        check("nvrtcGetCUBINSize", codeSize(program[0], bytes));
        const cubin = new Uint8Array(Number(bytes[0]));
        check("nvrtcGetCUBIN", code(program[0], cubin));
        return cubin;
      } finally {
        destroy(program);
      }
    },
  };
  return loaded;
}
