import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { diseases } from "../../diagnosis/index.ts";
import type { Profile } from "./profile.ts";

/**
 * Reads a model's assess.json; undefined where there is none.
 *
 * @throws Error naming the file and what is wrong with it
 */
export async function readProfile(path: string): Promise<Profile | undefined> {
  if (!existsSync(path)) return undefined;
  const fail = (why: string): never => {
    throw new Error(`${path}: ${why}; \`baltoro clinic train\` writes the file beside its model`);
  };
  let value: Partial<Profile>;
  try {
    value = JSON.parse(await readFile(path, "utf8")) as Partial<Profile>;
  } catch (error) {
    return fail(`not JSON (${(error as Error).message.slice(0, 80)})`);
  }
  if (value?.schema !== "baltoro.assess/1") fail("schema is not baltoro.assess/1");
  for (const disease of diseases) {
    const one = value.diseases?.[disease];
    if (one === undefined) fail(`${disease} is missing`);
    if (
      one &&
      !(one.low?.length >= 2 && one.low.length === one.high?.length && Number.isFinite(one.conformal?.threshold))
    )
      fail(`${disease} needs low and high of one length, and conformal.threshold`);
  }
  if (!Array.isArray(value.tests)) fail("tests is no list");
  return value as Profile;
}
