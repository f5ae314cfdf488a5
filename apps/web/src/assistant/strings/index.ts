import type { Language } from "../../language/language.ts";
import { en } from "./en.ts";
import type { Strings } from "./strings.ts";
import { zh } from "./zh.ts";

export type { KeyAct, ProblemName, Strings, Told } from "./strings.ts";

/** The Assistant page's words, by language. */
export const strings: Readonly<Record<Language, Strings>> = { en, zh };
