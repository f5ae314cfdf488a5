import { ServiceError, unavailable } from "./errors.ts";

/** Lets each caller do so much in a minute, in bursts up to as much. */
export interface RateLimiter {
  /** @throws ServiceError 429 with Retry-After */
  take(caller: string): void;
  /** Whether one more is allowed, which it then uses up. */
  allows(caller: string): boolean;
}

/** Callers that are remembered at most; those with a full allowance are forgotten first. */
const maxCallers = 10_000;

export function rateLimiter(perMinute: number, now: () => number): RateLimiter {
  const buckets = new Map<string, { left: number; at: number }>();
  const fill = (caller: string) => {
    const time = now();
    const bucket = buckets.get(caller) ?? { left: perMinute, at: time };
    const left = Math.min(perMinute, bucket.left + (Math.max(0, time - bucket.at) / 60_000) * perMinute);
    return { left, at: time };
  };
  const allows = (caller: string) => {
    const bucket = fill(caller);
    const allowed = bucket.left >= 1;
    buckets.delete(caller);
    buckets.set(caller, allowed ? { ...bucket, left: bucket.left - 1 } : bucket);
    // The oldest entry is the one that was not used for longest.
    if (buckets.size > maxCallers) buckets.delete(buckets.keys().next().value as string);
    return allowed;
  };
  return {
    allows,
    take(caller) {
      if (allows(caller)) return;
      const seconds = Math.max(1, Math.ceil(((1 - fill(caller).left) / perMinute) * 60));
      throw new ServiceError(429, "rate_limited", `more than ${perMinute} requests in a minute`, {
        issue: "throttled",
        headers: { "Retry-After": String(seconds) },
      });
    },
  };
}

/** Lets so many be under way at once. */
export interface Gate {
  readonly active: number;
  /** @throws ServiceError 503 with Retry-After, where it is full */
  run<T>(work: () => Promise<T>): Promise<T>;
}

export function gate(most: number, what: string): Gate {
  let active = 0;
  return {
    get active() {
      return active;
    },
    async run(work) {
      if (active >= most) throw unavailable("busy", `${most} ${what} already; try again`, 1);
      active++;
      try {
        return await work();
      } finally {
        active--;
      }
    },
  };
}
