import { diseases } from "../../diagnosis/index.ts";
import { type Example, toModelInput } from "../../examples/index.ts";
import { extract } from "../../extract/index.ts";
import type { LocalNote } from "./record.ts";

/** A hospital's note as every model sees it: names of diseases masked, stage 1's items and those that came beside the text. */
export function exampleOfNote({ id, text, diseases: present, items }: LocalNote): Example {
  return {
    id,
    input: toModelInput(text, [...items, ...extract(text)]),
    labels: diseases.map((disease) => (present.includes(disease) ? 1 : 0)),
  };
}
