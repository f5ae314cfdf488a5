export { type Abstention, informationIn, unsureness } from "./abstention.ts";
export { fitProfile, intervalAt, type Profile, type ProfileNotes } from "./profile.ts";
export { readProfile } from "./read.ts";
