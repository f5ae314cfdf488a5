const common: readonly string[] = [
  "failures: no node dies, no transfer is lost",
  "clients: nobody gives up, and nobody who was turned away comes again",
  "the gateway: HTTP, tokenization and the conductor's own time are free",
  "latency of the network: only its bandwidth, shared by flows",
  "differences between nodes, and between one run of a step and the next",
];

/** What a simulation of a split cluster leaves out; part of every report. */
export const splitNotModelled: readonly string[] = [
  ...common,
  "DRAM of decode nodes: prefixes are kept by prefill nodes only",
  "KV in the device's memory of prefill nodes: a prefix is loaded from DRAM each time",
  "memory at the decode node is taken when decode begins, not while KV is on its way",
  "a sequence that is put out of a decode batch comes back without a load from DRAM",
  "reads of KV by the GPU and by the network do not slow each other",
];

/** Of a coupled cluster. */
export const coupledNotModelled: readonly string[] = [
  ...common,
  "prompts of a step: one prompt, or a piece of one, is computed at a time",
  "sequences that share cached blocks count them once each against memory",
];
