import { parseArgs } from "node:util";
import { createAssessor, type Language, loadLexicon, toBundle } from "@baltoro/clinic";
import { assessmentPage } from "../page/assessment-page.ts";
import { createPaint } from "../page/paint.ts";
import { type Command, numberOption, UsageError } from "../usage.ts";
import { readNoteFile } from "./note-file.ts";

export const diagnose: Command = {
  summary: "assess an admission note: red flags, values, ranked differential with evidence, what is missing",
  usage: `baltoro diagnose NOTE.txt [options]
  reads one note of a child ("-" is the standard input; UTF-8, or GB18030) and prints red flags, test results,
  a ranked differential with evidence for and against, and which tests would tell most.
  It assists a health professional. Nothing leaves this machine.

  --json             the whole assessment, one JSON object
  --fhir             a FHIR R4 Bundle (Observations, RiskAssessment, Provenance, Device)
  --language zh|en   of the page (default: the note's)
  --age MONTHS       where the note does not state the age, or another one
  --model DIR        a model of your own (baltoro clinic train); default models/clinic-fusion
  --lexicon FILE     a lexicon of your own, added to the one that ships; may be repeated`,
  async run(args) {
    const { values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        json: { type: "boolean" },
        fhir: { type: "boolean" },
        language: { type: "string" },
        age: { type: "string" },
        model: { type: "string" },
        lexicon: { type: "string", multiple: true },
      },
    });
    const [path, ...more] = positionals;
    if (path === undefined) throw new UsageError("a note is missing");
    if (more.length > 0) throw new UsageError(`one note at a time, not also ${more.join(", ")}`);
    if (values.json && values.fhir) throw new UsageError("--json and --fhir are two outputs; name one");
    const language = languageOption(values.language);
    const ageMonths = numberOption("age", values.age);
    if (ageMonths !== undefined && ageMonths > 1500)
      throw new UsageError(`--age is ${values.age} months; no patient is that old`);
    const { text, encoding } = await readNoteFile(path);
    if (encoding !== "UTF-8") console.error(`baltoro diagnose: the note is not UTF-8; read as ${encoding}`);
    const assessor = await createAssessor({ modelDirectory: values.model, lexicon: loadLexicon(values.lexicon ?? []) });
    try {
      const assessment = await assessor.assess(text, { ageMonths });
      if (values.json) console.log(JSON.stringify(assessment));
      else if (values.fhir) console.log(JSON.stringify(toBundle(assessment, { language }), null, 2));
      else {
        const terminal = process.stdout.isTTY === true;
        const width = Math.min(120, process.stdout.columns ?? (Number(process.env["COLUMNS"]) || 80));
        const paint = createPaint(terminal && !process.env["NO_COLOR"]);
        const lines = assessmentPage(assessment, { language: language ?? assessment.note.language, width, paint });
        console.log(lines.join("\n"));
      }
    } finally {
      await assessor.close();
    }
    return 0;
  },
};

function languageOption(value: string | undefined): Language | undefined {
  if (value === undefined || value === "zh" || value === "en") return value;
  throw new UsageError(`--language is ${value}, expected zh or en`);
}
