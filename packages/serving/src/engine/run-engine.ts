import { setImmediate as nextTurn } from "node:timers/promises";
import type { MessagePort } from "node:worker_threads";
import { countParameters, latentCacheBytes, openCheckpoint, PagedModel, Scheduler, stageWeights } from "@baltoro/k2";
import type { EngineOptions, FromEngine, ModelInfo, ToEngine } from "./messages.ts";
import { readModelCard } from "./model-card.ts";
import { submit } from "./submit.ts";

const blockSize = 16;

/** Serves messages of a port until it is told to close: the body of the engine's thread. */
export async function runEngine(options: EngineOptions, port: MessagePort): Promise<void> {
  const card = await readModelCard(options.checkpoint);
  const { device, model, tokenizer } = await openCheckpoint(options.checkpoint, options);
  const send = (message: FromEngine) => port.postMessage(message);
  const maxSequences = options.maxSequences ?? 16;
  const context = model.config.maxPositionEmbeddings;
  const wanted = Math.floor((options.cacheBytes ?? 256 * 2 ** 20) / (blockSize * latentCacheBytes(model.config)));
  const perSequence = Math.ceil(context / blockSize);
  const blocks = 1 + Math.max(perSequence, Math.min(wanted, maxSequences * perSequence));
  const paged = new PagedModel(model, { blocks, blockSize, maxSequences });
  const scheduler = new Scheduler(paged);
  const sequences = new Map<number, number>();
  const swaps: (() => void)[] = [];
  let closing = false;
  let wake = () => {};

  const setWeights = async (id: number, checkpoint: string) => {
    try {
      const write = await stageWeights(model, checkpoint);
      swaps.push(() => {
        write();
        paged.refresh();
        scheduler.recompute();
        send({ kind: "weightsSet", id });
      });
    } catch (error) {
      send({ kind: "error", id, error: "invalid", message: (error as Error).message });
    }
    wake();
  };

  port.on("message", (message: ToEngine) => {
    switch (message.kind) {
      case "submit":
        submit({ scheduler, tokenizer, chat: card.chat, context, sequences, send }, message.id, message.request);
        break;
      case "cancel": {
        const sequence = sequences.get(message.id);
        if (sequence !== undefined) scheduler.cancel(sequence);
        break;
      }
      case "setWeights":
        void setWeights(message.id, message.checkpoint);
        break;
      case "close":
        closing = true;
        break;
    }
    wake();
  });

  const { total, active } = countParameters(model.config);
  const info: ModelInfo = {
    id: card.name,
    created: card.created,
    description: card.description,
    trainedOn: card.trainedOn,
    chat: card.chat,
    parameters: total,
    activeParameters: active,
    context,
    device: `${device.description.kind}, ${device.description.threads} threads, ${device.description.matmul}`,
  };
  send({ kind: "ready", model: info });

  while (!closing) {
    for (const swap of swaps.splice(0)) swap();
    try {
      if (scheduler.idle && swaps.length === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = () => {};
      } else await scheduler.step();
    } catch (error) {
      // The device is gone: no sequence can go on, and no new one could start.
      scheduler.fail(error as Error);
      throw error;
    }
    // Messages that came in meanwhile are heard between steps.
    await nextTurn();
  }
  scheduler.fail(new Error("the engine was closed"));
  paged[Symbol.dispose]();
  await device.close();
}
