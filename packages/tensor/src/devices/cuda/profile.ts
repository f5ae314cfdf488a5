import type { Driver, Handle } from "./driver.ts";
import { waitForStream } from "./host-memory.ts";

/** Time on the device by kernel of the table. */
export type KernelTimes = Readonly<Record<string, { readonly milliseconds: number; readonly calls: number }>>;

/** Times kernels by events on the stream: before the first and behind each. */
export interface Profile {
  /** Behind a kernel's launches. */
  mark(kernel: string): void;
  /** Waits, and sums up by kernel. */
  finish(): Promise<KernelTimes>;
}

export function startProfile(driver: Driver, stream: Handle): Profile {
  const marks: { kernel: string; event: Handle }[] = [];
  const mark = (kernel: string) => {
    const event = driver.get("cuEventCreate", 0);
    driver.call("cuEventRecord", event, stream);
    marks.push({ kernel, event });
  };
  mark("start");
  return {
    mark,
    async finish() {
      await waitForStream(driver, stream);
      const times: Record<string, { milliseconds: number; calls: number }> = {};
      const out = [0];
      for (const [i, { kernel, event }] of marks.entries()) {
        if (i === 0) continue;
        driver.call("cuEventElapsedTime", out, marks[i - 1].event, event);
        times[kernel] ??= { milliseconds: 0, calls: 0 };
        times[kernel].milliseconds += out[0];
        times[kernel].calls++;
      }
      for (const { event } of marks) driver.code("cuEventDestroy", event);
      return times;
    },
  };
}
