import type { ChatMessage, FinishReason, SamplingOptions } from "@baltoro/k2";
import type { DevicePrecision } from "@baltoro/tensor";

/** What an engine is started with. */
export interface EngineOptions {
  /** Checkpoint directory: config.json, safetensors, tiktoken.model. */
  readonly checkpoint: string;
  /** Default `auto`. */
  readonly device?: string;
  readonly threads?: number;
  /** What a GPU computes matrix products in; "fp8" also stores the weights in e4m3. */
  readonly precision?: DevicePrecision;
  /** Bytes of latent cache. Default 256 MiB. */
  readonly cacheBytes?: number;
  /** Sequences that run at once. Default 16. */
  readonly maxSequences?: number;
  /** Requests that run or wait; further ones are turned away with {@link EngineBusy}. Default 256. */
  readonly maxRequests?: number;
}

/** What the gateway may say about a model. */
export interface ModelInfo {
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  readonly description: string;
  readonly trainedOn: string;
  /** It was taught to converse; otherwise it continues texts. */
  readonly chat: boolean;
  readonly parameters: number;
  readonly activeParameters: number;
  /** Longest sequence in tokens, prompt and answer. */
  readonly context: number;
  readonly device: string;
}

/** What is to be continued. The engine's thread encodes it, so that a long text does not hold up HTTP. */
export type Prompt =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "ids"; readonly ids: readonly number[] }
  | { readonly kind: "chat"; readonly messages: readonly ChatMessage[] };

/** A request to continue a prompt, or to score it. */
export interface EngineRequest {
  readonly prompt: Prompt;
  /** Default: to the end of the context. 0 with `score`. */
  readonly maxTokens?: number;
  readonly sampling: SamplingOptions;
  readonly stop: readonly string[];
  /** Alternatives reported beside each token; undefined: no log-probabilities at all. */
  readonly logprobs?: number;
  /** Report the log-probabilities of the prompt's tokens too. */
  readonly score?: boolean;
}

/** A token as the API shows it. */
export interface TokenPiece {
  readonly id: number;
  /** Its bytes, which may be part of a character. */
  readonly bytes: readonly number[];
  readonly logprob: number;
}

/** A token with its alternatives. */
export interface ScoredToken extends TokenPiece {
  readonly top: readonly TokenPiece[];
}

/** A token of the prompt; the first has no log-probability. */
export type PromptToken = Omit<ScoredToken, "logprob"> & { readonly logprob: number | null };

/** What an engine tells about a request. */
export type EngineEvent =
  | { readonly kind: "started"; readonly promptTokens: number }
  /** `text` may lag behind the tokens: characters and possible stop strings are held back until they are whole. */
  | { readonly kind: "token"; readonly text: string; readonly token?: ScoredToken }
  | {
      readonly kind: "finished";
      readonly reason: FinishReason;
      readonly text: string;
      readonly prompt?: readonly PromptToken[];
    };

/** Why a request failed: the caller's mistake, or the engine's. */
export type EngineErrorKind = "invalid" | "internal";

/** To the engine's thread. */
export type ToEngine =
  | { readonly kind: "submit"; readonly id: number; readonly request: EngineRequest }
  | { readonly kind: "cancel"; readonly id: number }
  | { readonly kind: "setWeights"; readonly id: number; readonly checkpoint: string }
  | { readonly kind: "close" };

/** From the engine's thread. */
export type FromEngine =
  | { readonly kind: "ready"; readonly model: ModelInfo }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "event"; readonly id: number; readonly event: EngineEvent }
  | { readonly kind: "error"; readonly id: number; readonly error: EngineErrorKind; readonly message: string }
  | { readonly kind: "weightsSet"; readonly id: number };
