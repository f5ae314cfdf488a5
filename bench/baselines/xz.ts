import { spawn } from "node:child_process";
import { brotliCompressSync, constants } from "node:zlib";

/** What a general compressor makes of a text. */
export interface Compressed {
  readonly method: string;
  readonly bytes: number;
  readonly bitsPerByte: number;
}

/** `xz -9`, or brotli at its highest setting with a large window where there is no xz. */
export async function compress(text: Uint8Array): Promise<Compressed> {
  if (text.length === 0) throw new Error("compress: the text is empty");
  const packed = await xz(text);
  if (packed !== null) return result("xz -9", packed, text);
  const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_LARGE_WINDOW, BROTLI_PARAM_SIZE_HINT } = constants;
  const params = {
    [BROTLI_PARAM_QUALITY]: 11,
    [BROTLI_PARAM_LGWIN]: 26,
    [BROTLI_PARAM_LARGE_WINDOW]: 1,
    [BROTLI_PARAM_SIZE_HINT]: text.length,
  };
  return result("brotli 11 (xz is not installed)", brotliCompressSync(text, { params }).length, text);
}

function result(method: string, bytes: number, text: Uint8Array): Compressed {
  return { method, bytes, bitsPerByte: (8 * bytes) / text.length };
}

/** Bytes of the archive, or null where there is no xz. */
function xz(text: Uint8Array): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const child = spawn("xz", ["-9", "-c", "-T1"], { stdio: ["pipe", "pipe", "inherit"] });
    let bytes = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
    });
    child.on("error", (error: NodeJS.ErrnoException) => (error.code === "ENOENT" ? resolve(null) : reject(error)));
    child.on("close", (code) => (code === 0 ? resolve(bytes) : reject(new Error(`xz ended with ${code}`))));
    // Writing fails where the process could not start; its own event tells why.
    child.stdin.on("error", () => {});
    child.stdin.end(text);
  });
}
