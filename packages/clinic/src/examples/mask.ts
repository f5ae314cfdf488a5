/** Stands for every UTF-16 code unit of a masked name, so that offsets into the note hold. */
export const maskCharacter = "█";

/** Chinese names (the list of the research protocol), and English ones. */
const chinese = [
  ...["支气管肺炎", "毛细支气管炎", "支气管炎", "气管炎", "肺部感染", "肺炎", "支炎", "毛支"],
  ...["上呼吸道感染", "呼吸道感染", "上感", "感冒", "哮喘"],
];
const english = [
  ...["bronchopneumonia", "pneumonias", "pneumonia", "pneumonitis", "tracheobronchitis", "bronchitis", "bronchiolitis"],
  ...["upper respiratory tract infections", "upper respiratory tract infection", "upper respiratory infections"],
  ...["upper respiratory infection", "lower respiratory tract infection", "lower respiratory infection"],
  ...["respiratory tract infections", "respiratory tract infection", "respiratory infections", "respiratory infection"],
  ...["common cold", "urtis", "urti", "uris", "uri", "lrti", "rti", "asthmatic", "asthma"],
];

/** Longest first: a name inside a longer one is gone before its turn comes. */
const patterns = [...chinese, ...english]
  .sort((a, b) => b.length - a.length)
  .map((name) =>
    /[a-z]/.test(name)
      ? new RegExp(`(?<![A-Za-z])${name.replaceAll(" ", "\\s")}(?![A-Za-z])`, "gi")
      : new RegExp(name, "g"),
  );

/** The text with the names of the diseases masked: a model must find a disease, not read it. The length stays. */
export function maskDiseaseNames(text: string): string {
  return patterns.reduce(
    (masked, pattern) => masked.replace(pattern, (name) => maskCharacter.repeat(name.length)),
    text,
  );
}

const runs = new RegExp(`${maskCharacter}+`, "g");

/** One mask for each masked name: the length of a mask would tell the name. Every model reads the text so; offsets no longer hold. */
export function collapseMasks(text: string): string {
  return text.replace(runs, maskCharacter);
}
