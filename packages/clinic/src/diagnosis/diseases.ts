/**
 * The diseases that are ranked, in the order of every vector of probabilities and labels (arXiv 2108.10818). `rti` is infection of the
 * upper respiratory tract.
 */
export const diseases = ["pneumonia", "rti", "bronchitis", "asthma"] as const;

export type Disease = (typeof diseases)[number];

/** Names for people, and ICD-10 (WHO) for other systems. A coded disease here is a candidate, never a confirmed condition. */
export const diseaseNames: Readonly<
  Record<Disease, { readonly en: string; readonly zh: string; readonly icd10: string }>
> = {
  pneumonia: { en: "Pneumonia", zh: "肺炎", icd10: "J18.9" },
  rti: { en: "Upper respiratory tract infection", zh: "上呼吸道感染", icd10: "J06.9" },
  bronchitis: { en: "Acute bronchitis", zh: "支气管炎", icd10: "J20.9" },
  asthma: { en: "Asthma", zh: "哮喘", icd10: "J45.9" },
};

export type Language = "zh" | "en";
