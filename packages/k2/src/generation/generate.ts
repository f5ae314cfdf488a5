import type { PagedModel } from "./paged-model.ts";
import { type FinishReason, Scheduler, type SequenceRequest } from "./scheduler.ts";
import { createStopMatcher } from "./stop-strings.ts";

/** Turns ids into text piece by piece, never splitting a character. */
export interface StreamDecoder {
  push(id: number): string;
  flush(): string;
}

/** Result of {@link generate}. */
export interface Generation {
  readonly ids: readonly number[];
  readonly text: string;
  readonly logprobs: readonly number[];
  readonly finish: FinishReason;
}

/** Continues one prompt to its end. For many at once, or while others wait, use a {@link Scheduler}. */
export async function generate(
  model: PagedModel,
  decoder: StreamDecoder,
  request: SequenceRequest & { readonly stop?: readonly string[] },
  onText: (text: string) => void = () => {},
): Promise<Generation> {
  const scheduler = new Scheduler(model);
  const stops = createStopMatcher(request.stop ?? []);
  const ids: number[] = [];
  const logprobs: number[] = [];
  let text = "";
  const show = (piece: string) => {
    text += piece;
    if (piece) onText(piece);
  };
  const finished = new Promise<FinishReason>((resolve, reject) => {
    scheduler.add(request, {
      onToken(token, logprob) {
        ids.push(token);
        if (logprob !== undefined) logprobs.push(logprob);
        const result = stops.push(decoder.push(token));
        show(result.text);
        return result.stopped;
      },
      onFinish: resolve,
      onError: reject,
    });
  });
  while (await scheduler.step());
  const finish = await finished;
  const rest = stops.push(decoder.flush());
  show(rest.text);
  if (!rest.stopped) show(stops.flush());
  return { ids, text, logprobs, finish };
}

/** Log-probability of every token given those before it (the first has none). */
export async function scoreTokens(model: PagedModel, ids: readonly number[] | Int32Array): Promise<readonly number[]> {
  if (ids.length < 2) return [];
  const scheduler = new Scheduler(model);
  const result = new Promise<readonly number[]>((resolve, reject) => {
    const sampling = { temperature: 0, topK: 0, topP: 1, minP: 0, seed: 0 };
    scheduler.add(
      { prompt: ids, maxTokens: 0, sampling, stopIds: [], topLogprobs: 0, logprobs: true, score: true },
      { onToken: () => false, onFinish: (_, scores) => resolve(scores.map(({ logprob }) => logprob)), onError: reject },
    );
  });
  while (await scheduler.step());
  return result;
}
