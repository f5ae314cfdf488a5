/** A model as GET /v1/models lists it; `baltoro` is there where the server is Baltoro's. */
export interface Model {
  readonly id: string;
  readonly baltoro?: ModelDetails;
}

/** What a Baltoro server says of a model beyond OpenAI's fields. Another server says none of it. */
export interface ModelDetails {
  readonly description?: string;
  readonly parameters?: number;
  /** Parameters that one token passes through. */
  readonly activeParameters?: number;
  /** Longest text in tokens, prompt and answer together. */
  readonly context?: number;
  readonly trainedOn?: string;
  /** Whether it was taught to converse. */
  readonly chat?: boolean;
}

/** How text is drawn from the model; undefined leaves a choice to the server. */
export interface Sampling {
  readonly temperature: number;
  readonly topP: number;
  readonly maxTokens: number;
  readonly seed?: number;
  readonly stop: readonly string[];
}

/** One speaker's turn. */
export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** A token that was possible, with the natural logarithm of its probability. */
export interface Candidate {
  readonly text: string;
  readonly logprob: number;
}

/** A token that was drawn, with the likeliest of those that could have been. */
export interface Token extends Candidate {
  readonly top: readonly Candidate[];
}

/** Tokens counted by the server. */
export interface Usage {
  readonly promptTokens: number;
  readonly completionTokens: number;
}

/** What one chunk of a stream adds. The text may lag behind the tokens: a character cut in two is held back until whole. */
export interface Delta {
  readonly text: string;
  readonly tokens: readonly Token[];
  /** "stop", "length" or another of OpenAI's reasons, once it ended. */
  readonly finish?: string;
  readonly usage?: Usage;
}
