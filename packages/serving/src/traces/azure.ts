import { LineError, show, timeMs, wholeText } from "./fields.ts";
import type { RecordReader } from "./record.ts";

/** The columns of Azure's LLM inference traces (2023, 2024), in any order and among others. */
const columns = { time: "timestamp", input: "contexttokens", output: "generatedtokens" };

/** Whether a line is the head of such a file. */
export function isAzureHeader(text: string): boolean {
  const names = cells(text).map((name) => name.toLowerCase());
  return Object.values(columns).every((name) => names.includes(name));
}

/** A reader of the lines after the head. They say nothing of what prompts share. */
export function azureReader(header: string): RecordReader {
  const names = cells(header).map((name) => name.toLowerCase());
  const [time, input, output] = Object.values(columns).map((name) => names.indexOf(name));
  return (text) => {
    const values = cells(text);
    if (values.length !== names.length)
      throw new LineError(`${values.length} columns (${show(text)}), the first line has ${names.length}`);
    return {
      timeMs: timeMs("TIMESTAMP", values[time]),
      inputTokens: wholeText("ContextTokens", values[input], 1),
      outputTokens: wholeText("GeneratedTokens", values[output], 1),
      blocks: null,
    };
  };
}

/** The format quotes nothing but may. */
function cells(text: string): string[] {
  return text
    .replace(/^\uFEFF/, "")
    .split(",")
    .map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
}
