/** Training and encoding speed of the byte-level BPE. `--text FILE`, `--megabytes N`, `--vocab N`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Tokenizer, trainTokenizer } from "@baltoro/k2";
import { openCorpus } from "@baltoro/training";
import { type BenchOptions, type BenchResult, figure, textTable } from "./harness.ts";

const books = join(import.meta.dirname, "../../shared/data/text/gutenberg_train.txt.zst");

async function firstMegabytes(path: string, megabytes: number): Promise<{ texts: string[]; bytes: number }> {
  const texts: string[] = [];
  let bytes = 0;
  for await (const text of openCorpus(path).documents()) {
    texts.push(text);
    bytes += Buffer.byteLength(text);
    if (bytes >= megabytes * 1e6) break;
  }
  return { texts, bytes };
}

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { text: { type: "string" }, megabytes: { type: "string" }, vocab: { type: "string" } },
  });
  const path = values.text ?? books;
  if (!existsSync(path)) throw new Error(`${path} is missing: --text names a text of 150 MB`);
  const vocabSize = Number(values.vocab ?? 32768);
  const { texts, bytes } = await firstMegabytes(path, Number(values.megabytes ?? 150));
  const start = performance.now();
  const tokens = await trainTokenizer(texts, { vocabSize });
  const trainSeconds = (performance.now() - start) / 1000;
  const tokenizer = new Tokenizer(tokens);
  const sample = texts.slice(-Math.max(1, Math.floor(texts.length / 8)));
  const sampleBytes = sample.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const encodeStart = performance.now();
  let ids = 0;
  // One pass from an empty cache, as a user's text meets it.
  for (const text of sample) ids += tokenizer.encode(text).length;
  const encodeMBps = sampleBytes / 1e3 / (performance.now() - encodeStart);
  const rows = [
    ["train", `${(bytes / 1e6).toFixed(0)} MB, ${vocabSize} ids`, `${figure(trainSeconds)} s`],
    [
      "encode",
      `${(sampleBytes / 1e6).toFixed(0)} MB, ${figure(sampleBytes / ids)} bytes/token`,
      `${figure(encodeMBps)} MB/s`,
    ],
  ];
  return {
    figures: { megabytes: bytes / 1e6, vocabSize, trainSeconds, encodeMBps, bytesPerToken: sampleBytes / ids },
    checks: [
      { name: "bpeTrainSeconds", value: bytes >= 149e6 ? trainSeconds : Number.NaN, atMost: 120 },
      { name: "encodeMBps", value: encodeMBps, atLeast: 5 },
    ],
    lines: textTable(["", "of", "one thread"], rows),
  };
}
