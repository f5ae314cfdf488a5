/** An input that cannot be read as training text. The message names the file (and line) and what to do. */
export class CorpusError extends Error {
  override readonly name = "CorpusError";
}
