/**
 * Signs of danger in excerpts of real notes, against labels made by reading: recall and precision of each kind, and how often a sign that
 * is denied, supposed, past or of another is raised. labels/signs/README.md says how each part came about; `--errors` lists what is wrong
 * in a part that is open.
 *
 *     npm run bench red-flags [-- --part open|closed|fresh] [--errors]
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import {
  extract,
  findRedFlags,
  parseSignLabels,
  patientAge,
  readResearchNotes,
  type SignScore,
  type SignStatus,
  scoreSigns,
  shareInterval,
} from "@baltoro/clinic";
import { type BenchOptions, type BenchResult, textTable } from "./harness.ts";

const labels = join(import.meta.dirname, "../packages/clinic/labels/signs");
const data = join(process.env["BALTORO_DATA"] ?? join(import.meta.dirname, "../../shared/data"), "clinic");
const parts = ["open", "closed", "fresh"] as const;
const otherwise = ["denied", "supposed", "past", "other"] as const satisfies readonly SignStatus[];

/** Counts of several kinds together. */
function total(kinds: readonly SignScore[]) {
  const sum = (of: (kind: SignScore) => number): number => kinds.reduce((all, kind) => all + of(kind), 0);
  return {
    present: sum(({ present }) => present),
    found: sum(({ found }) => found),
    flagged: sum(({ flagged }) => flagged),
    otherwise: Object.fromEntries(
      otherwise.map((status) => [
        status,
        {
          named: sum((kind) => kind.otherwise[status].named),
          flagged: sum((kind) => kind.otherwise[status].flagged),
        },
      ]),
    ) as SignScore["otherwise"],
  };
}

const share = (part: number, whole: number): string => (whole === 0 ? "–" : (part / whole).toFixed(3));

function rowOf(kind: string, { present, found, flagged, otherwise: rest }: Omit<SignScore, "kind">): string[] {
  return [
    ...[kind, `${present}`, `${found}`, share(found, present), `${flagged}`, share(found, flagged)],
    ...otherwise.map((status) => (rest[status].named ? `${rest[status].flagged} of ${rest[status].named}` : "–")),
  ];
}

const header = ["kind", "present", "found", "recall", "flagged", "precision", ...otherwise.map((s) => `${s}: raised`)];

export async function run({ args }: BenchOptions): Promise<BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { part: { type: "string", default: "open" }, errors: { type: "boolean" } },
  });
  if (!(parts as readonly string[]).includes(values.part)) throw new Error(`--part is one of ${parts.join(", ")}`);
  if (!existsSync(data)) {
    const skipped = `${data} is absent: the labels hold no text`;
    return { figures: { skipped }, checks: [], lines: [`skipped: ${skipped}`] };
  }
  const file = `${values.part}.jsonl`;
  const excerpts = parseSignLabels(readFileSync(join(labels, file), "utf8"), file);
  const notes = readResearchNotes(data);
  const texts = excerpts.map(({ id, start, end }) => (notes.get(id) ?? "").slice(start, end));
  const flags = texts.map((text) => {
    const items = extract(text);
    return findRedFlags(text, items, patientAge(text, items));
  });
  const { kinds, errors } = scoreSigns(excerpts, flags);
  const all = total(kinds);
  const byLanguage = (["Chinese", "English"] as const).map((language) => {
    const own = excerpts.flatMap(({ id }, i) => (id.startsWith("mtsamples") === (language === "English") ? [i] : []));
    const score = scoreSigns(
      own.map((i) => excerpts[i]),
      own.map((i) => flags[i]),
    );
    return [language, total(score.kinds)] as const;
  });
  const interval = (part: number, whole: number): string =>
    shareInterval(part, whole)
      .map((bound) => bound.toFixed(3))
      .join(" to ");
  const lines = [
    `${excerpts.length} excerpts, part ${values.part}; excerpts are counted, grades of one sign as one kind`,
    ...textTable(header, [
      ...kinds.map((kind) => rowOf(kind.kind, kind)),
      ...byLanguage.map(([language, sum]) => rowOf(language, sum)),
      rowOf("all", all),
    ]),
    `recall ${share(all.found, all.present)} (95 %: ${interval(all.found, all.present)}), precision ${share(all.found, all.flagged)} (${interval(all.found, all.flagged)})`,
  ];
  if (values.errors)
    for (const { excerpt, kind, error } of errors) {
      const spans = flags[excerpt].flatMap((flag) => flag.spans.map(({ text }) => `${flag.code} “${text}”`));
      lines.push("", `${error} ${kind}: ${excerpts[excerpt].id} [${spans.join(", ")}]`, texts[excerpt]);
    }
  return {
    figures: { part: values.part, excerpts: excerpts.length, kinds, all },
    checks: [],
    lines,
  };
}
