import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { forwardLoss, tokenizerHash } from "@baltoro/k2";
import { noGrad, persistent, scope } from "@baltoro/tensor";
import { openCorpus, openTokenCache, packedDataset } from "@baltoro/training";
import { deviceFlags, deviceUsage, openFromOptions } from "../checkpoint.ts";
import { type Command, integerOption, required } from "../usage.ts";

const usage = `baltoro eval --checkpoint DIR --text FILE [--json] [--sequence N] [--batch N] [--max-tokens N]
  loss, perplexity and bits per byte of a checkpoint on any text that \`train\` reads
  each sequence of --sequence tokens (default the model's context) is judged on its own, from its first token on

  ${deviceUsage}`;

export const evaluate: Command = {
  summary: "loss, perplexity and bits per byte of a checkpoint on a text",
  usage,
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        checkpoint: { type: "string" },
        text: { type: "string" },
        json: { type: "boolean" },
        sequence: { type: "string" },
        batch: { type: "string" },
        "max-tokens": { type: "string" },
        ...deviceFlags,
      },
    });
    const directory = required("checkpoint", values.checkpoint);
    const corpus = openCorpus(required("text", values.text));
    const { device, model, tokenizer } = await openFromOptions(directory, values);
    const folder = mkdtempSync(join(tmpdir(), "baltoro-eval-"));
    try {
      const text = Object.assign(tokenizer, { hash: tokenizerHash(tokenizer) });
      using cache = await openTokenCache(folder, corpus, text);
      const sequenceLength = Math.min(
        integerOption("sequence", values.sequence, 2) ?? model.config.maxPositionEmbeddings,
        model.config.maxPositionEmbeddings,
      );
      const batchSize = integerOption("batch", values.batch) ?? 8;
      const end = Math.min(
        cache.meta.tokens,
        integerOption("max-tokens", values["max-tokens"], 2) ?? cache.meta.tokens,
      );
      const dataset = packedDataset(cache, { sequenceLength, batchSize, shuffle: false, range: { start: 0, end } });
      const shape = [batchSize, sequenceLength];
      const input = (inputShape: readonly number[]) => persistent(device, inputShape, "i32", "evaluation input");
      const batch = {
        tokens: input(shape),
        targets: input(shape),
        positions: input([batchSize * sequenceLength]),
        documents: input(shape),
      };
      const loss = persistent(device, [1], "f32", "loss");
      let nats = 0;
      let predicted = 0;
      const start = performance.now();
      for (let step = 0; step < dataset.stepsPerEpoch; step++) {
        const next = dataset.batchAt(step);
        if (next.predicted === 0) continue;
        for (const key of ["tokens", "targets", "positions", "documents"] as const) batch[key].write(next[key]);
        scope(device, () =>
          noGrad(device, () => {
            const mean = forwardLoss(model, batch);
            device.backend.enqueue("axpby", { x: mean.buffer, y: loss.buffer, n: 1, alpha: 1, beta: 0 });
          }),
        );
        nats += (await loss.item()) * next.predicted;
        predicted += next.predicted;
        if (process.stderr.isTTY)
          process.stderr.write(`\r${((100 * (step + 1)) / dataset.stepsPerEpoch).toFixed(0)}% `);
      }
      if (process.stderr.isTTY) process.stderr.write("\r     \r");
      const seconds = (performance.now() - start) / 1000;
      const bytes = (cache.meta.bytes * end) / cache.meta.tokens;
      const mean = nats / predicted;
      const result = {
        checkpoint: directory,
        text: values.text,
        tokens: predicted,
        bytes: Math.round(bytes),
        loss: mean,
        perplexity: Math.exp(mean),
        bitsPerByte: nats / Math.LN2 / bytes,
        bytesPerToken: bytes / end,
        tokensPerSecond: predicted / seconds,
      };
      if (values.json) console.log(JSON.stringify(result));
      else {
        console.log(
          `loss          ${mean.toFixed(4)} nats per token\nperplexity    ${result.perplexity.toFixed(2)}\nbits per byte ${result.bitsPerByte.toFixed(4)}`,
        );
        console.log(
          `over ${predicted.toLocaleString("en")} tokens, ${result.bytesPerToken.toFixed(2)} bytes a token, ${result.tokensPerSecond.toFixed(0)} tokens/s`,
        );
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
      await device.close();
    }
    return undefined;
  },
};
