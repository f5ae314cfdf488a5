import { readFile, stat } from "node:fs/promises";
import { maxNoteLength } from "@baltoro/clinic";

/** Bytes that the longest note can have, in any of the encodings. */
const maxBytes = 4 * maxNoteLength + 4;

/** A note, and how its file was encoded. */
export interface NoteFile {
  readonly text: string;
  readonly encoding: "UTF-8" | "UTF-16" | "GB18030";
}

/**
 * Reads a note from a file, or from the standard input where the path is "-". UTF-8, with or without a mark; UTF-16 with one; else
 * GB18030, in which older Chinese systems write.
 *
 * @throws Error saying what is wrong with the file; no message holds any of the note
 */
export async function readNoteFile(path: string): Promise<NoteFile> {
  const shown = path === "-" ? "the standard input" : path;
  const bytes = path === "-" ? await readAll(shown) : await readOne(path);
  const note = decodeNote(bytes, shown);
  if (note.text.trim() === "") throw new Error(`${shown} is empty: a note is text, UTF-8 or GB18030`);
  if (note.text.length > maxNoteLength) throw new Error(tooLong(shown, `${note.text.length} characters`));
  return note;
}

function tooLong(shown: string, size: string): string {
  return `${shown} has ${size}, more than the ${maxNoteLength} characters of one note; cut it into notes of one patient and admission`;
}

async function readOne(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) throw new Error(tooLong(path, `${size} bytes`));
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") throw new Error(`there is no file ${path}`);
    if (code === "EISDIR") throw new Error(`${path} is a folder; name one note`);
    if (code === "EACCES") throw new Error(`${path} may not be read by this user`);
    throw error;
  }
}

async function readAll(shown: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    size += (chunk as Buffer).length;
    if (size > maxBytes) throw new Error(tooLong(shown, `more than ${maxBytes} bytes`));
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** @throws Error where the bytes are text in none of the encodings */
export function decodeNote(bytes: Uint8Array, shown: string): NoteFile {
  const marked = (bytes[0] === 0xff && bytes[1] === 0xfe) || (bytes[0] === 0xfe && bytes[1] === 0xff);
  if (marked) {
    const text = new TextDecoder(bytes[0] === 0xff ? "utf-16le" : "utf-16be").decode(bytes);
    return { text, encoding: "UTF-16" };
  }
  if (bytes.includes(0)) throw new Error(`${shown} is no text: it has zero bytes; save the note as plain UTF-8 text`);
  for (const [label, encoding] of [
    ["utf-8", "UTF-8"],
    ["gb18030", "GB18030"],
  ] as const)
    try {
      return { text: new TextDecoder(label, { fatal: true }).decode(bytes), encoding };
    } catch {
      // The next one.
    }
  throw new Error(`${shown} is text in neither UTF-8 nor GB18030; save the note as UTF-8`);
}
