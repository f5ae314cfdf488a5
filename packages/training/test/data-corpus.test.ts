import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { textSplitter } from "../src/data/documents.ts";
import { openCorpus, startProgress } from "../src/data/index.ts";
import { utf8Decoder } from "../src/data/utf8.ts";

let root = "";
before(() => {
  root = mkdtempSync(join(tmpdir(), "corpus-"));
});
after(() => rmSync(root, { recursive: true, force: true }));

function file(name: string, data: string | Uint8Array): string {
  const path = join(root, name);
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, data);
  return path;
}

async function documents(spec: string | string[], options = {}, progress = startProgress()): Promise<string[]> {
  return Array.fromAsync(openCorpus(spec, options).documents(progress));
}

const books = "Ada wrote.\n\nA second paragraph.\n\n\nBook two: größer 🧊\n\n\n\n\nBook three\n";
const expected = ["Ada wrote.\n\nA second paragraph.", "Book two: größer 🧊", "Book three\n"];

test("three newlines separate documents, plain and packed", async () => {
  assert.deepEqual(await documents(file("books/a.txt", books)), expected);
  assert.deepEqual(await documents(file("packed/a.txt.gz", gzipSync(books))), expected);
  assert.deepEqual(await documents(file("packed/b.txt.zst", zstdCompressSync(books))), expected);
  assert.deepEqual(await documents(file("packed/c.zst", zstdCompressSync(books))), expected);
  assert.deepEqual(await documents(file("books/crlf.txt", "one\r\n\r\n\r\ntwo")), ["one", "two"]);
});

test("a Markdown file is one document, a JSON line one each", async () => {
  assert.deepEqual(await documents(file("m/a.md", books)), [books]);
  const lines = '{"text":"one\\n\\n\\nstill one"}\n\n{"text":"two","id":3}';
  assert.deepEqual(await documents(file("j/a.jsonl", lines)), ["one\n\n\nstill one", "two"]);
  assert.deepEqual(await documents(file("j/b.jsonl", '{"body":"x"}\n'), { field: "body" }), ["x"]);
});

test("documents do not depend on how the stream is cut", () => {
  const parts = fc.array(fc.constantFrom("a", "bc", " ", "\n", "\n\n", "\n\n\n", "\r\n", "é"), { maxLength: 30 });
  fc.assert(
    fc.property(parts, (texts) => {
      const inPieces = textSplitter(1000);
      const cut = [...texts.flatMap((text) => [...inPieces.push(text)]), ...inPieces.end()];
      const whole = textSplitter(1000);
      assert.deepEqual(cut, [...whole.push(texts.join("")), ...whole.end()]);
    }),
  );
});

test("a document that is too long is cut at a line end, and nothing is lost", async () => {
  const text = Array.from({ length: 50 }, (_, i) => `line ${i} ${"x".repeat(i)}`).join("\n");
  const pieces = await documents(file("long/a.txt", text), { maxDocumentLength: 100 });
  assert.equal(pieces.join(""), text);
  assert.ok(pieces.every((piece) => piece.length <= 100));
  assert.ok(pieces.slice(0, -1).every((piece) => piece.endsWith("\n")));
  const emoji = await documents(file("long/b.md", "🧊".repeat(40)), { maxDocumentLength: 7 });
  assert.equal(emoji.join(""), "🧊".repeat(40));
  assert.ok(emoji.every((piece) => piece.isWellFormed()));
});

test("directories and globs: sorted, recursive, other files and hidden ones left out, each file once", async () => {
  file("tree/b.txt", "B");
  file("tree/a/z.md", "Z");
  file("tree/a/image.png", "no text");
  file("tree/.hidden/h.txt", "H");
  assert.deepEqual(await documents(join(root, "tree")), ["Z", "B"]);
  assert.deepEqual(await documents(join(root, "tree", "**/*")), ["Z", "B"]);
  assert.deepEqual(await documents([join(root, "tree/b.txt"), join(root, "tree")]), ["B", "Z"]);
});

test("progress counts bytes on disk and documents", async () => {
  const path = file("progress/a.txt.gz", gzipSync(books));
  const progress = startProgress();
  await documents(path, {}, progress);
  assert.deepEqual(progress, { bytesRead: openCorpus(path).size, documents: 3, replaced: 0 });
});

test("invalid UTF-8 is replaced and counted, a U+FFFD of the file's own is not", async () => {
  const bytes = Buffer.concat([Buffer.from("ok \uFFFD "), Buffer.from([0xff, 0x41, 0xc3]), Buffer.from(" end")]);
  const progress = startProgress();
  assert.deepEqual(await documents(file("bad/a.txt", bytes), {}, progress), ["ok \uFFFD \uFFFDA\uFFFD end"]);
  assert.equal(progress.replaced, 2);
});

test("decoding does not depend on where the bytes are cut, and drops a byte order mark", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 20 }), fc.integer({ min: 1, max: 5 }), (text, step) => {
      const bytes = Buffer.from(`\uFEFF${text}`);
      const decoder = utf8Decoder();
      let decoded = "";
      for (let i = 0; i < bytes.length; i += step) decoded += decoder.decode(bytes.subarray(i, i + step));
      assert.equal(decoded + decoder.end(), text);
      assert.equal(decoder.replaced, 0);
    }),
  );
});

test("bad input says what, where and what to do", async () => {
  assert.throws(() => openCorpus(join(root, "nowhere.txt")), /nowhere\.txt" does not exist/);
  assert.throws(() => openCorpus(join(root, "*.nothing")), /matches nothing/);
  assert.throws(() => openCorpus(file("x/a.pdf", "x")), /extension that is not read; readable are \.txt/);
  assert.throws(() => openCorpus(join(root, "x")), /holds no file that can be read \(1 others\)/);
  assert.throws(() => openCorpus([]), /no path/);
  assert.throws(() => openCorpus(""), /empty path/);
  await assert.rejects(documents(file("e/a.txt", " \n\n\n\n ")), /no text in .*a\.txt/);
  await assert.rejects(documents(file("e/b.txt", "")), /no text/);
  await assert.rejects(documents(file("e/c.txt", Buffer.from("\uFEFFhi", "utf16le"))), /UTF-16; convert/);
  await assert.rejects(documents(file("e/d.jsonl", '{"text":"a"}\n\n{"text":')), /d\.jsonl:3: malformed JSON/);
  await assert.rejects(
    documents(file("e/e.jsonl", '{"text":"a"}\n{"body":1,"id":2}\n')),
    /e\.jsonl:2: no text in the field "text" \(fields here: body, id\)/,
  );
  await assert.rejects(documents(file("e/f.jsonl", "[1]\n")), /f\.jsonl:1: expected a JSON object, found an array/);
});

test("damaged and cut archives are errors, not shorter texts", async () => {
  const text = Array.from({ length: 20_000 }, (_, i) => `word${(i * 7919) % 10007}`).join(" ");
  for (const [name, packed] of [
    ["gz", gzipSync(text)],
    ["zst", zstdCompressSync(text)],
  ] as const) {
    const cut = packed.subarray(0, packed.length >> 1);
    await assert.rejects(documents(file(`d/cut.txt.${name}`, cut)), /cut\.txt.* is damaged or cut short/, name);
    await assert.rejects(
      documents(file(`d/not.txt.${name}`, "plain text")),
      /not\.txt.* is damaged or cut short/,
      name,
    );
    const flipped = Buffer.from(packed);
    flipped.fill(0x55, 40, 60);
    await assert.rejects(documents(file(`d/flip.txt.${name}`, flipped)), /flip\.txt.* is damaged or cut short/, name);
  }
});

test("a reader that stops early leaves no open stream", async () => {
  const path = file("stop/a.txt.zst", zstdCompressSync("x y z\n\n\n".repeat(200_000)));
  for await (const text of openCorpus(path).documents()) {
    assert.equal(text, "x y z");
    break;
  }
});
