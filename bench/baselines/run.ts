/** Bits per byte of a text under `xz -9` and a byte 5-gram model. Run with --help. */
import { parseArgs } from "node:util";
import { openCorpus } from "@baltoro/training";
import { type ByteModel, byteCounts, order } from "./kneser-ney.ts";
import { type Compressed, compress } from "./xz.ts";

/** Both baselines on one text. */
export interface Baselines {
  readonly valBytes: number;
  readonly trainBytes: number;
  readonly xz: Compressed;
  readonly fiveGram: {
    readonly bitsPerByte: number;
    readonly contexts: number;
    readonly ngrams: number;
    readonly seconds: number;
  };
}

/** The documents of a corpus with the three newlines that separate them: the text itself, whatever it was packed in. */
async function* textBytes(spec: string): AsyncGenerator<Buffer> {
  let first = true;
  for await (const document of openCorpus(spec).documents()) {
    yield Buffer.from(first ? document : `\n\n\n${document}`);
    first = false;
  }
}

/** Trains on the first `maxBytes` of `train` and measures on `val`. */
export async function measureBaselines(
  train: string,
  val: string,
  maxBytes = Number.POSITIVE_INFINITY,
): Promise<Baselines> {
  const text = Buffer.concat(await Array.fromAsync(textBytes(val)));
  const started = performance.now();
  const counts = byteCounts();
  for await (const chunk of textBytes(train)) {
    counts.add(chunk.subarray(0, Math.max(0, maxBytes - counts.bytes)));
    if (counts.bytes >= maxBytes) break;
  }
  const model: ByteModel = counts.model();
  const bitsPerByte = model.bits(text) / text.length;
  const seconds = (performance.now() - started) / 1000;
  return {
    valBytes: text.length,
    trainBytes: counts.bytes,
    xz: await compress(text),
    fiveGram: { bitsPerByte, contexts: model.contexts, ngrams: model.ngrams, seconds },
  };
}

const usage = `node bench/baselines/run.ts --train TEXT --val TEXT [--max-bytes N] [--json]

  --train      text for the byte ${order}-gram model (.txt, .zst, .gz, .jsonl, directory, glob)
  --val        text that both baselines are measured on
  --max-bytes  train on the first N bytes only
  --json       one JSON object on the last line
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      train: { type: "string" },
      val: { type: "string" },
      "max-bytes": { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  if (values.help || !values.train || !values.val) {
    console.log(usage);
    if (!values.help) process.exitCode = 2;
    return;
  }
  const maxBytes = values["max-bytes"] === undefined ? undefined : Number(values["max-bytes"]);
  if (maxBytes !== undefined && !(maxBytes > 0))
    throw new Error(`--max-bytes ${values["max-bytes"]} must be a positive number`);
  const result = await measureBaselines(values.train, values.val, maxBytes);
  const { xz, fiveGram } = result;
  const count = new Intl.NumberFormat("en").format;
  console.log(`text of ${count(result.valBytes)} bytes, bits per byte:`);
  console.log(`  ${xz.method.padEnd(34)} ${xz.bitsPerByte.toFixed(4)}`);
  console.log(
    `  ${`byte ${order}-gram, Kneser–Ney`.padEnd(34)} ${fiveGram.bitsPerByte.toFixed(4)}` +
      `   (trained on ${count(result.trainBytes)} bytes, ${count(fiveGram.ngrams)} n-grams, ${fiveGram.seconds.toFixed(1)} s)`,
  );
  if (values.json) console.log(JSON.stringify(result));
}

if (import.meta.main) {
  await main().catch((error: unknown) => {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  });
}
