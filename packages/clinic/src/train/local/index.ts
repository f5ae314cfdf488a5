export { exampleOfNote } from "./prepare.ts";
export { type LocalNotes, readLocalNotes } from "./read.ts";
export { type LocalNote, LocalNoteError } from "./record.ts";
export { type LocalSplit, splitLocalNotes } from "./split.ts";
