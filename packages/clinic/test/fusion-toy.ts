import { type Disease, diseases, type Example, extract } from "@baltoro/clinic";

/** A small generator of numbers in 0 … 1, the same for the same seed. */
export function toyRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** An example from a note of one's own, extraction included. */
export function toyExample(id: string, text: string, present: readonly Disease[]): Example {
  return {
    id,
    input: { text, items: extract(text) },
    labels: diseases.map((disease) => (present.includes(disease) ? 1 : 0)),
  };
}

/**
 * Notes that neither text nor values decide alone: with crackles a high CRP means pneumonia, a low one bronchitis; without crackles it
 * is the other way round for RTI and asthma.
 */
export function toyExamples(count: number, seed: number, filler = 0): Example[] {
  const random = toyRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
  const phrases = [
    "精神可",
    "食欲一般",
    "大便正常",
    "睡眠差",
    "无呕吐",
    "鼻塞流涕",
    "咽部充血",
    "阵发性咳嗽",
    "夜间明显",
    "无皮疹",
  ];
  return Array.from({ length: count }, (_, i) => {
    const crackles = random() < 0.5;
    const high = random() < 0.5;
    const crp = high ? 40 + Math.round(random() * 60) : 1 + Math.round(random() * 6);
    const years = 1 + Math.floor(random() * 9);
    const around = () => Array.from({ length: filler }, () => pick(phrases)).join("，");
    const disease: Disease = crackles ? (high ? "pneumonia" : "bronchitis") : high ? "rti" : "asthma";
    const sound = crackles ? "双肺可闻及湿啰音" : "双肺呼吸音清";
    const text = `患儿，${years}岁，咳嗽${1 + Math.floor(random() * 6)}天。${around()}。查体：T ${(36.5 + random() * 3).toFixed(1)}℃，${sound}。${around()}。CRP ${crp}mg/L。`;
    return toyExample(`toy-${seed}-${i}`, text, [disease]);
  });
}
