import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSseParser, readEvents } from "../src/api/sse.ts";

const encode = (text: string) => new TextEncoder().encode(text);

function parse(...parts: readonly (string | Uint8Array)[]) {
  const parser = createSseParser();
  return parts.flatMap((part) => parser.push(typeof part === "string" ? encode(part) : part));
}

const message = (data: string) => ({ event: "message", data });

test("one event, and several", () => {
  assert.deepEqual(parse("data: a\n\n"), [message("a")]);
  assert.deepEqual(parse('data: {"x":1}\n\ndata: [DONE]\n\n'), [message('{"x":1}'), message("[DONE]")]);
});

test("lines end in LF, CRLF or CR, and a CRLF cut in two ends one line", () => {
  for (const end of ["\n", "\r\n", "\r"]) {
    assert.deepEqual(parse(`data: a${end}data: b${end}${end}data: c${end}${end}`), [message("a\nb"), message("c")]);
  }
  assert.deepEqual(parse("data: a\r", "\ndata: b\r", "\n\r", "\n"), [message("a\nb")]);
});

test("a lone CR followed by an empty line in the next part is two line ends", () => {
  assert.deepEqual(parse("data: a\r", "\r"), [message("a")]);
  assert.deepEqual(parse("data: a\r", "\n", "\n"), [message("a")]);
});

test("comments, unknown fields and a missing space", () => {
  assert.deepEqual(parse(": ping\n\nid: 7\nretry: 10\ndata:a\n:x\ndata\n\n"), [message("a\n")]);
  assert.deepEqual(parse("event: error\ndata:  b\n\n"), [{ event: "error", data: " b" }]);
});

test("an event without data is none, and its name does not stay", () => {
  assert.deepEqual(parse("event: x\n\ndata: a\n\n"), [message("a")]);
});

test("an event cut off by the end of the stream is none", () => {
  assert.deepEqual(parse("data: a\n"), []);
  assert.deepEqual(parse("data: a\n\ndata: b"), [message("a")]);
});

test("a byte order mark at the start is no part of the first field", () => {
  assert.deepEqual(parse("\uFEFFdata: a\n\n"), [message("a")]);
});

test("characters of several bytes survive any cut", () => {
  const bytes = encode("data: é喉🏔️\n\n");
  for (let at = 0; at <= bytes.length; at++) {
    assert.deepEqual(parse(bytes.subarray(0, at), bytes.subarray(at)), [message("é喉🏔️")], `cut at ${at}`);
  }
  assert.deepEqual(parse(...Array.from(bytes, (byte) => Uint8Array.of(byte))), [message("é喉🏔️")]);
});

test("property: the cuts and line ends of a stream do not change its events", () => {
  const line = fc.string({ unit: "grapheme", maxLength: 12 }).map((text) => text.replace(/[\r\n]/g, ""));
  const event = fc.array(line, { minLength: 1, maxLength: 3 });
  const cuts = fc.array(fc.nat(400), { maxLength: 8 });
  const ends = fc.constantFrom("\n", "\r\n", "\r");
  fc.assert(
    fc.property(fc.array(event, { maxLength: 5 }), ends, cuts, (events, end, places) => {
      const bytes = encode(events.map((lines) => lines.map((data) => `data: ${data}${end}`).join("") + end).join(""));
      const sorted = places.map((place) => Math.min(place, bytes.length)).sort((a, b) => a - b);
      const parts = [...sorted, bytes.length].map((place, i) => bytes.subarray(sorted[i - 1] ?? 0, place));
      assert.deepEqual(
        parse(...parts),
        events.map((lines) => message(lines.join("\n"))),
      );
    }),
    { seed: 2, numRuns: 300 },
  );
});

test("readEvents reads to the end, and cancels a body that is left early", async () => {
  let cancelled = false;
  const body = () =>
    new ReadableStream<Uint8Array>({
      pull(controller) {
        controller.enqueue(encode("data: a\n\ndata: b\n\n"));
      },
      cancel() {
        cancelled = true;
      },
    });
  for await (const { data } of readEvents(body())) {
    assert.equal(data, "a");
    break;
  }
  assert.equal(cancelled, true);

  const whole: string[] = [];
  for await (const { data } of readEvents(new Response("data: x\n\ndata: y\n\n").body as ReadableStream<Uint8Array>)) {
    whole.push(data);
  }
  assert.deepEqual(whole, ["x", "y"]);
});
