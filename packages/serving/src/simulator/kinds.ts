/** What an event of the queue is about; its subject is in brackets. */
export const kinds = {
  /** The next request of the trace comes. */
  arrival: 0,
  /** Time for a sample of the series. */
  sample: 1,
  /** Workers report their loads, and roles are looked at. */
  report: 2,
  /** The first stage of a prefill instance is free (worker). */
  stageFree: 3,
  /** A prompt is computed (slot of the job). */
  computed: 4,
  /** A flow has ended, if its version holds (flow). */
  flowEnd: 5,
  /** An instance's run of steps has ended, if its version holds (worker). */
  steps: 6,
} as const;
