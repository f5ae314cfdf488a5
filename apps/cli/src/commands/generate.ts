import { parseArgs } from "node:util";
import { defaultSampling, generate as generateText, PagedModel } from "@baltoro/k2";
import { deviceFlags, deviceUsage, openFromOptions } from "../checkpoint.ts";
import { type Command, integerOption, numberOption, required } from "../usage.ts";

const usage = `baltoro generate --checkpoint DIR --prompt TEXT [options]
  continues a text

  --max-tokens N   (default 200)     --temperature X  0 is greedy (default 0.8)
  --top-p X  --top-k N  --min-p X    --seed N         (default 0)
  --stop TEXT      may be repeated   --json           one object: text, tokens, tokens per second
  ${deviceUsage}`;

export const generate: Command = {
  summary: "continue a text with a checkpoint",
  usage,
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        checkpoint: { type: "string" },
        prompt: { type: "string" },
        "max-tokens": { type: "string" },
        temperature: { type: "string" },
        "top-p": { type: "string" },
        "top-k": { type: "string" },
        "min-p": { type: "string" },
        seed: { type: "string" },
        stop: { type: "string", multiple: true },
        json: { type: "boolean" },
        ...deviceFlags,
      },
    });
    const directory = required("checkpoint", values.checkpoint);
    const prompt = required("prompt", values.prompt);
    const sampling = {
      ...defaultSampling,
      temperature: numberOption("temperature", values.temperature) ?? 0.8,
      topP: numberOption("top-p", values["top-p"]) ?? 1,
      topK: integerOption("top-k", values["top-k"], 0) ?? 0,
      minP: numberOption("min-p", values["min-p"]) ?? 0,
      seed: integerOption("seed", values.seed, 0) ?? 0,
    };
    const { device, model, tokenizer } = await openFromOptions(directory, values);
    const promptIds = [tokenizer.bosId, ...tokenizer.encode(prompt)];
    const maxTokens = integerOption("max-tokens", values["max-tokens"]) ?? 200;
    const blockSize = 16;
    const positions = Math.min(model.config.maxPositionEmbeddings, promptIds.length + maxTokens);
    const paged = new PagedModel(model, { blocks: Math.ceil(positions / blockSize) + 2, blockSize, maxSequences: 1 });
    if (!values.json) process.stdout.write(prompt);
    const start = performance.now();
    let first = 0;
    const result = await generateText(
      paged,
      tokenizer.createDecoder(),
      {
        prompt: promptIds,
        maxTokens,
        sampling,
        stopIds: [tokenizer.eosId, tokenizer.imEndId],
        topLogprobs: 0,
        logprobs: false,
        stop: values.stop ?? [],
      },
      (piece) => {
        first ||= performance.now();
        if (!values.json) process.stdout.write(piece);
      },
    );
    const end = performance.now();
    const tokensPerSecond = result.ids.length > 1 ? ((result.ids.length - 1) * 1000) / (end - first) : 0;
    if (values.json) {
      console.log(
        JSON.stringify({
          prompt,
          text: result.text,
          ids: result.ids,
          finish: result.finish,
          tokens: result.ids.length,
          seconds: (end - start) / 1000,
          secondsToFirstToken: (first - start) / 1000,
          tokensPerSecond,
        }),
      );
    } else
      console.log(
        `\n\n${result.ids.length} tokens, ${tokensPerSecond.toFixed(0)} tokens/s, first after ${(first - start).toFixed(0)} ms, ended by ${result.finish}`,
      );
    await device.close();
    return undefined;
  },
};
