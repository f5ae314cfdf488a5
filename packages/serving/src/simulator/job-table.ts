import type { Job } from "./job.ts";

/** Jobs under way, each with a small number by which events name it. */
export class JobTable {
  readonly #jobs: (Job | null)[] = [];
  readonly #free: number[] = [];
  size = 0;

  add(job: Job): void {
    job.slot = this.#free.pop() ?? this.#jobs.length;
    this.#jobs[job.slot] = job;
    this.size++;
  }

  /** @throws Error if there is none: an event has outlived what it is about. */
  at(slot: number): Job {
    const job = this.#jobs[slot];
    if (!job) throw new Error(`no job in slot ${slot}`);
    return job;
  }

  remove(job: Job): void {
    this.#jobs[job.slot] = null;
    this.#free.push(job.slot);
    job.slot = -1;
    this.size--;
  }
}
