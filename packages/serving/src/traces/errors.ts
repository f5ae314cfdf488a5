/** A trace, or the parameters of one, cannot be used: the message names the file, the line or field, and the limit. */
export class TraceError extends Error {
  override name = "TraceError";
}
