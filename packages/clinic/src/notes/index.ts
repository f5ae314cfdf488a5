export { type Line, readLines } from "./lines.ts";
export { NoteError, type NoteRecord, parseNote } from "./record.ts";
