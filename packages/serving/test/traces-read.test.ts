/** Readers of logs: what is understood, and what is said of what is not. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import {
  generateTrace,
  mooncakeLines,
  parameterPresets,
  type ReadOptions,
  readTrace,
  TraceError,
  type TraceRequest,
} from "../src/traces/index.ts";

const folder = mkdtempSync(join(tmpdir(), "baltoro-traces-"));
after(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(content: string | Buffer, extension = ".log"): string {
  const path = join(folder, `log-${files++}${extension}`);
  writeFileSync(path, content);
  return path;
}

async function requestsOf(content: string | Buffer, options: ReadOptions = {}, extension?: string) {
  const trace = await readTrace(file(content, extension), options);
  return { info: trace.info, requests: [...trace.requests] };
}

const blocksOf = (requests: readonly TraceRequest[]) => requests.map(({ blocks }) => [...blocks]);

function mooncake(timestamp: number, input: number, output: number, ids: unknown): string {
  return JSON.stringify({ timestamp, input_length: input, output_length: output, hash_ids: ids });
}

async function fails(content: string, message: RegExp, options: ReadOptions = {}): Promise<void> {
  await assert.rejects(readTrace(file(content), options), (error) => {
    assert.ok(error instanceof TraceError, String(error));
    assert.match(error.message.replace(/, read as \w+/, ""), message);
    return true;
  });
}

test("Mooncake's lines: arrivals, lengths, ids made dense", async () => {
  const { info, requests } = await requestsOf(
    `${mooncake(0, 1000, 5, [70, 71])}\n\n${mooncake(250, 1025, 1, [70, 71, 90])}\r\n${mooncake(250, 10, 3, [4])}\n`,
  );
  assert.deepEqual(
    requests.map(({ id, arrivalMs, inputTokens, outputTokens }) => [id, arrivalMs, inputTokens, outputTokens]),
    [
      [0, 0, 1000, 5],
      [1, 250, 1025, 1],
      [2, 250, 10, 3],
    ],
  );
  assert.deepEqual(blocksOf(requests), [[0, 1], [0, 1, 2], [3]]);
  assert.equal(info.format, "mooncake");
  assert.deepEqual([info.requests, info.spanMs, info.blockIds, info.sharing, info.blockSize], [3, 250, 4, true, 512]);
  assert.match(info.sha256, /^[0-9a-f]{64}$/);
});

test("ids of single blocks get the meaning of a prefix: the same id after another block is another block", async () => {
  const { requests } = await requestsOf(`${mooncake(0, 1000, 1, [1, 2])}\n${mooncake(1, 1000, 1, [3, 2])}\n`);
  assert.deepEqual(blocksOf(requests), [
    [0, 1],
    [2, 3],
  ]);
});

test("ids may be strings, or wider than 32 bits", async () => {
  const { requests } = await requestsOf(`${mooncake(0, 1000, 1, ["f00", 9007199254740991])}\n`);
  assert.deepEqual(blocksOf(requests), [[0, 1]]);
});

test("packed logs, and a log without an end of line", async () => {
  const text = `${mooncake(0, 100, 1, [1])}\n${mooncake(5, 100, 1, [2])}`;
  for (const [content, extension] of [
    [text, ".jsonl"],
    [gzipSync(text), ".jsonl.gz"],
    [zstdCompressSync(text), ".jsonl.zst"],
  ] as const) {
    assert.equal((await requestsOf(content, {}, extension)).requests.length, 2, extension);
  }
  await assert.rejects(readTrace(file("not packed", ".gz")), /cannot be read: /);
});

test("Azure's CSV: columns by name, seven digits, zones; the first arrival is 0 and nothing is shared", async () => {
  const old = await requestsOf(
    "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n",
  );
  assert.deepEqual(
    old.requests.map(({ arrivalMs, inputTokens, outputTokens }) => [Math.round(arrivalMs), inputTokens, outputTokens]),
    [
      [0, 4808, 10],
      [52, 3180, 8],
    ],
  );
  assert.equal(old.info.sharing, false);
  const all = blocksOf(old.requests).flat();
  assert.equal(new Set(all).size, all.length, "every block is new");
  assert.equal(all.length, 10 + 7);
  const newer = await requestsOf(
    "Region,TIMESTAMP,GeneratedTokens,ContextTokens\neu,2024-05-10 00:00:00.009930+00:00,7,100\neu,2024-05-10 01:00:00.009930+00:00,7,100\n",
  );
  assert.deepEqual(
    newer.requests.map(({ arrivalMs, inputTokens }) => [Math.round(arrivalMs), inputTokens]),
    [
      [0, 100],
      [3_600_000, 100],
    ],
  );
});

test("OpenAI's logs: usage and time wherever they stand, equal beginnings of prompts found", async () => {
  const system = { role: "system", content: "You are helpful. ".repeat(300) };
  const first = { role: "user", content: "What is a glacier? ".repeat(100) };
  const answer = { role: "assistant", content: "Ice that flows." };
  const usage = { prompt_tokens: 1700, completion_tokens: 40 };
  const { info, requests } = await requestsOf(
    [
      { created: 1_700_000_000, model: "m", messages: [system, first], usage },
      {
        request: { body: { model: "m", messages: [system, first, answer, { role: "user", content: "More." }] } },
        response: {
          body: { created: 1_700_000_060, model: "m", usage: { prompt_tokens: 1800, completion_tokens: 9 } },
        },
      },
      { timestamp: "2023-11-14T22:15:20Z", model: "other", messages: [system, first], usage },
      { start_time: 1_700_000_200_000, usage: { input_tokens: 600, output_tokens: 2 } },
    ]
      .map((line) => JSON.stringify(line))
      .join("\n"),
  );
  assert.equal(info.format, "openai");
  assert.deepEqual(
    requests.map(({ arrivalMs, inputTokens, outputTokens }) => [arrivalMs, inputTokens, outputTokens]),
    [
      [0, 1700, 40],
      [60_000, 1800, 9],
      [120_000, 1700, 40],
      [200_000, 600, 2],
    ],
  );
  const [a, b, c, d] = blocksOf(requests);
  // 7,050 bytes are three whole blocks of 2,048 and a part that differs.
  assert.deepEqual(b.slice(0, 3), a.slice(0, 3));
  assert.notEqual(b[3], a[3]);
  assert.ok(
    c.every((id) => !a.includes(id)),
    "another model shares nothing",
  );
  assert.equal(d.length, 2);
});

test("a malformed line is named by its number and stops the run", async () => {
  const good = mooncake(0, 1000, 5, [1, 2]);
  const line3 = (bad: string) => `${good}\n\n${bad}\n${good}`;
  await fails(line3("{"), /line 3: not JSON/);
  await fails(line3("[1]"), /line 3: \[1\], expected an object/);
  await fails(line3(mooncake(0, -5, 5, [])), /line 3: input_length is -5, expected a whole number from 1 to/);
  await fails(line3(mooncake(0, 1000, 0, [1, 2])), /line 3: output_length is 0, expected a whole number from 1/);
  await fails(line3(mooncake(0, 1.5, 1, [1])), /line 3: input_length is 1.5/);
  await fails(line3(mooncake(-1, 1000, 1, [1, 2])), /line 3: timestamp is -1, expected ms from 0/);
  await fails(line3('{"timestamp": 0, "output_length": 1}'), /line 3: input_length is missing/);
  await fails(line3(mooncake(0, 1000, 1, [1, -2])), /line 3: hash_ids holds -2/);
  await fails(line3(mooncake(0, 1000, 1, "1 2")), /line 3: hash_ids is "1 2", expected a list/);
  await fails("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,-4,1", /line 2: ContextTokens is -4/);
  await fails(
    "TIMESTAMP,ContextTokens,GeneratedTokens\nyesterday,4,1",
    /line 2: TIMESTAMP is "yesterday", expected a time/,
  );
  await fails("TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,4", /line 2: 2 columns/);
  await fails('{"created": 1, "usage": null}', /line 1: usage is missing|line 1: usage is/);
  await fails(
    '{"usage": {"prompt_tokens": 1, "completion_tokens": 1}}',
    /line 1: no time: expected one of timestamp, created/,
  );
  await fails('{"created": 1, "usage": {"prompt_tokens": 0, "completion_tokens": 1}}', /usage\.prompt_tokens is 0/);
});

test("another block size is told from the number of ids", async () => {
  await fails(
    mooncake(0, 1000, 1, [1, 2, 3, 4]),
    /4 ids for input_length 1000: blocks of 512 tokens make 2; --block-size 256 would fit/,
  );
  const { requests } = await requestsOf(mooncake(0, 1000, 1, [1, 2, 3, 4]), { blockSize: 256 });
  assert.equal(requests[0].blocks.length, 4);
});

test("time that goes back is an error that says by how much, or is sorted", async () => {
  const text = [mooncake(5000, 10, 1, [1]), mooncake(2000, 20, 1, [2]), mooncake(6000, 30, 1, [3])].join("\n");
  await fails(text, /line 2: time goes back by 3.000 s; --sort/);
  const { info, requests } = await requestsOf(text, { sort: true });
  assert.deepEqual(
    requests.map(({ id, inputTokens }) => [id, inputTokens]),
    [
      [0, 20],
      [1, 10],
      [2, 30],
    ],
  );
  assert.deepEqual(info.changes, ["sorted by time"]);
});

test("lenient skips, counts and tells; a file of another kind is no log all the same", async () => {
  const told: string[] = [];
  const { info, requests } = await requestsOf(
    [mooncake(0, 10, 1, [1]), "oops", mooncake(9, 10, -1, [1]), mooncake(9, 10, 1, [1])].join("\n"),
    { lenient: true, onSkip: (message) => told.push(message) },
  );
  assert.equal(requests.length, 2);
  assert.equal(info.skippedLines, 2);
  assert.match(told[0], /line 2: not JSON/);
  assert.match(told[1], /line 3: output_length is -1/);
  await fails(`{"a": 1}\n`.repeat(200), /none of the first 100 lines could be used as openai/, { lenient: true });
  await fails(`{"a": 1}\n`.repeat(5), /holds no request: all 5 lines were skipped/, { lenient: true });
});

test("what is no log at all: said with what there is", async () => {
  await fails("", /holds no request/);
  await fails("PK\u0003\u0004 zip", /line 1: .* is no format that is known.*Mooncake.*Azure.*OpenAI.*--format/s);
  await fails("a,b,c\n1,2,3", /no format that is known/);
  await fails("a,b,c\n1,2,3", /expected the head TIMESTAMP,ContextTokens,GeneratedTokens/, { format: "azure" });
  await assert.rejects(readTrace(join(folder, "nowhere.jsonl")), /nowhere\.jsonl: there is no such file/);
  await assert.rejects(readTrace(folder), /is a directory/);
  await fails(mooncake(0, 10, 1, [1]), /block size is 0/, { blockSize: 0 });
});

test("an error of the first line says what the file was taken for", async () => {
  await assert.rejects(readTrace(file('{"id": 1}')), /line 1, read as openai: no time/);
  await assert.rejects(readTrace(file('{"id": 1}'), { format: "openai" }), /line 1: no time/);
});

test("what is written is read again: times to the ms, lengths, who shares with whom", async () => {
  const made = generateTrace({ ...parameterPresets.agent, requests: 300 }, 3);
  const { requests } = await requestsOf([...mooncakeLines(made)].join(""));
  const written = [...made.requests];
  assert.equal(requests.length, 300);
  const renamed = new Map<number, number>();
  for (const [i, { arrivalMs, inputTokens, outputTokens, blocks }] of requests.entries()) {
    assert.equal(arrivalMs, Math.round(written[i].arrivalMs));
    assert.deepEqual([inputTokens, outputTokens], [written[i].inputTokens, written[i].outputTokens]);
    for (const [j, block] of blocks.entries()) {
      const before = written[i].blocks[j];
      assert.equal(renamed.get(before) ?? block, block, "one name for one block");
      renamed.set(before, block);
    }
  }
  assert.equal(new Set(renamed.values()).size, renamed.size);
});

test("whatever a file holds, it is read or refused with its name; nothing else happens", async () => {
  const scraps = fc.constantFrom(
    ...[
      "{",
      "}",
      "[",
      "]",
      '"',
      ":",
      ",",
      "\n",
      "timestamp",
      "input_length",
      "hash_ids",
      "usage",
      "created",
      "0",
      "-1",
      "1e999",
      "null",
      "\u0000",
      "é",
    ],
    mooncake(0, 10, 1, [1]),
    "TIMESTAMP,ContextTokens,GeneratedTokens\n",
    "2023-11-16 18:17:03.97,5,5\n",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(scraps, { maxLength: 25 }), fc.boolean(), async (parts, lenient) => {
      try {
        const { requests } = await requestsOf(parts.join(""), { lenient });
        assert.ok(requests.length > 0);
      } catch (error) {
        assert.ok(error instanceof TraceError, String(error));
        assert.match(error.message, /log-\d+/);
      }
    }),
    { numRuns: 150 },
  );
});

test("a limit reads the beginning, the hash is the whole file's", async () => {
  const text = [0, 1, 2, 3].map((at) => mooncake(at, 10, 1, [at])).join("\n");
  const part = await requestsOf(text, { limit: 2 });
  const whole = await requestsOf(text);
  assert.equal(part.requests.length, 2);
  assert.equal(part.info.sha256, whole.info.sha256);
  assert.deepEqual(part.info.changes, ["first 2 requests"]);
});
