/*
 * What no data sheet says, once for every model, machine and experiment. MFU is the one that users set.
 */

/** Share of the memory's bandwidth that reading weights and KV reaches. With the overhead below LLaMA-70B decodes a single sequence in 19 ms on 8×A800. */
export const memoryEfficiency = 0.6;

/** Launches, all-reduces, sampling and scheduling of one step, ms. */
export const stepOverheadMs = 5;
