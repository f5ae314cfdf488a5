/** One event of a stream of server-sent events (HTML standard, section 9.2.6). */
export interface ServerSentEvent {
  /** "message" unless the stream names another. */
  readonly event: string;
  readonly data: string;
}

/** Turns the bytes of an event stream, however they are cut, into events. */
export interface SseParser {
  /** Takes the next bytes; returns the events that they complete. */
  push(bytes: Uint8Array): ServerSentEvent[];
}

/**
 * Makes a parser of server-sent events. Lines end in LF, CRLF or CR; comments and unknown fields are passed over; several
 * `data` lines are joined by LF. An event that the end of the stream leaves without its empty line never happened, as the
 * standard says.
 *
 * @example
 * const parser = createSseParser();
 * parser.push(new TextEncoder().encode("data: a\n\n")); // [{ event: "message", data: "a" }]
 */
export function createSseParser(): SseParser {
  // Decoding as a stream holds back the first bytes of a character that is cut in two, and drops a leading byte order mark.
  const decoder = new TextDecoder();
  let rest = "";
  let afterCarriageReturn = false;
  let event = "";
  let data: string[] = [];

  function takeLine(line: string, out: ServerSentEvent[]): void {
    if (line === "") {
      if (data.length > 0) out.push({ event: event || "message", data: data.join("\n") });
      event = "";
      data = [];
      return;
    }
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "data") data.push(value);
    else if (field === "event") event = value;
  }

  return {
    push(bytes) {
      let text = decoder.decode(bytes, { stream: true });
      if (text === "") return [];
      // A CR ended its line when it came; the LF of the same CRLF ends no other.
      if (afterCarriageReturn && text.startsWith("\n")) text = text.slice(1);
      afterCarriageReturn = text === "" ? false : text.endsWith("\r");
      const lines = (rest + text).split(/\r\n|\n|\r/);
      rest = lines.pop() ?? "";
      const out: ServerSentEvent[] = [];
      for (const line of lines) takeLine(line, out);
      return out;
    },
  };
}

/** Reads a response's body to its end as server-sent events. Leaving the loop cancels the body. */
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerSentEvent> {
  const reader = body.getReader();
  const parser = createSseParser();
  let ended = false;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) {
        ended = true;
        return;
      }
      yield* parser.push(value);
    }
  } finally {
    if (!ended) await reader.cancel().catch(() => {});
    reader.releaseLock();
  }
}
