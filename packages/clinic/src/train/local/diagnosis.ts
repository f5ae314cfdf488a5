import { type Disease, diseases } from "../../diagnosis/index.ts";

/** Names that a diagnosis is written by, and where ICD-10 has it. Longer names are looked for first and taken out. */
const names: Readonly<Record<Disease, readonly string[]>> = {
  pneumonia: ["支气管肺炎", "大叶性肺炎", "肺炎", "肺部感染", "bronchopneumonia", "pneumonia"],
  rti: [
    ...["上呼吸道感染", "急性咽炎", "咽扁桃体炎", "扁桃体炎", "疱疹性咽峡炎", "鼻咽炎", "上感", "感冒"],
    ...["upper respiratory tract infection", "upper respiratory infection", "nasopharyngitis", "pharyngitis"],
    ...["tonsillitis", "common cold", "urti", "uri", "rti"],
  ],
  bronchitis: [
    ...["哮喘性支气管炎", "喘息性支气管炎", "毛细支气管炎", "支气管炎", "气管炎", "支炎", "毛支"],
    ...["asthmatic bronchitis", "bronchiolitis", "tracheobronchitis", "bronchitis"],
  ],
  asthma: ["支气管哮喘", "哮喘", "asthma"],
};

/** J12–J18; J00–J06; J20, J21, J40; J45, J46 (WHO ICD-10). */
const icd10: readonly (readonly [RegExp, Disease])[] = [
  [/^J1[2-8](\.|$)/i, "pneumonia"],
  [/^J0[0-6](\.|$)/i, "rti"],
  [/^J(20|21|40)(\.|$)/i, "bronchitis"],
  [/^J4[56](\.|$)/i, "asthma"],
];

const byLength = diseases
  .flatMap((disease) => names[disease].map((name) => ({ name, disease })))
  .sort((a, b) => b.name.length - a.name.length);

/** What stands before a disease that was only thought of. */
const excluded = /(排除|除外|无|\b(rule out|r\/o|not|no))[\s:：]*$/;

/** Diseases of ours that a written diagnosis or an ICD-10 code names: none of a diagnosis of something else. */
export function diseasesIn(diagnosis: string): Disease[] {
  const text = diagnosis.trim().toLowerCase();
  const code = icd10.find(([pattern]) => pattern.test(text));
  if (code) return [code[1]];
  if (/^[a-z]\d\d(\.\d+)?$/.test(text)) return [];
  const found = new Set<Disease>();
  let rest = text;
  for (const { name, disease } of byLength) {
    for (let at = rest.indexOf(name); at >= 0; at = rest.indexOf(name, at + 1)) {
      const letters = /[a-z]/.test(name);
      const whole = !letters || (!/[a-z]/.test(rest[at - 1] ?? "") && !/[a-z]/.test(rest[at + name.length] ?? ""));
      if (!whole) continue;
      if (!excluded.test(rest.slice(0, at))) found.add(disease);
      rest = `${rest.slice(0, at)}${"\0".repeat(name.length)}${rest.slice(at + name.length)}`;
    }
  }
  return diseases.filter((disease) => found.has(disease));
}
