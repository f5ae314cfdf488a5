import { loadKoffi } from "../native-memory.ts";
import { type Driver, type Handle, notReady } from "./driver.ts";

/** Page-locked memory of the host: copies from and to it run beside the host. */
export interface PinnedBuffer {
  readonly address: Handle;
  readonly bytes: ArrayBuffer;
}

const portable = 1;
/** Events that only order, and take no times. */
export const noTiming = 2;

export function allocPinned(driver: Driver, byteLength: number): PinnedBuffer {
  const address = driver.get("cuMemHostAlloc", byteLength, portable);
  return { address, bytes: loadKoffi().view(address, byteLength) };
}

/** A place in pinned memory to put bytes that are copied to the device in the order of the stream. */
export interface Staging extends Disposable {
  /** At most `largest` bytes, free to be written until `sent`. Waits only where all segments are still being copied. */
  take(byteLength: number): { bytes: ArrayBuffer; offset: number; address: Handle };
  readonly largest: number;
}

const segmentBytes = 8 << 20;
const segmentCount = 4;

/**
 * A ring of segments. A segment is written and copied piece by piece; when the next one begins, an event is put behind its copies, and it
 * is used again only after that event.
 */
export function createStaging(driver: Driver, stream: Handle): Staging {
  const segments = Array.from({ length: segmentCount }, () => ({
    buffer: allocPinned(driver, segmentBytes),
    event: driver.get("cuEventCreate", noTiming),
    recorded: false,
  }));
  let current = 0;
  let used = 0;
  return {
    largest: segmentBytes,
    take(byteLength) {
      const aligned = Math.ceil(byteLength / 64) * 64;
      if (used + aligned > segmentBytes) {
        const full = segments[current];
        driver.call("cuEventRecord", full.event, stream);
        full.recorded = true;
        current = (current + 1) % segmentCount;
        used = 0;
        const next = segments[current];
        if (next.recorded) while (driver.code("cuEventQuery", next.event) === notReady);
        next.recorded = false;
      }
      const { buffer } = segments[current];
      const place = { bytes: buffer.bytes, offset: used, address: buffer.address + used };
      used += aligned;
      return place;
    },
    [Symbol.dispose]() {
      for (const { buffer, event } of segments) {
        driver.code("cuEventDestroy", event);
        driver.code("cuMemFreeHost", buffer.address);
      }
    },
  };
}

/**
 * Waits for what is in the stream by now without holding the thread for long: other events of the process go on. `check` is called
 * again and again, and at the end: what it throws ends the wait.
 */
export async function waitForStream(driver: Driver, stream: Handle, check: () => void = () => {}): Promise<void> {
  const event = driver.get("cuEventCreate", noTiming);
  try {
    driver.call("cuEventRecord", event, stream);
    const start = performance.now();
    for (;;) {
      const code = driver.code("cuEventQuery", event);
      check();
      if (code !== notReady) {
        if (code !== 0) driver.call("cuEventQuery", event);
        return;
      }
      // Short waits end at once; long ones leave the processor to others.
      const waited = performance.now() - start;
      if (waited > 0.2)
        await new Promise<void>((resolve) => (waited < 3 ? setImmediate(resolve) : setTimeout(resolve, 1)));
    }
  } finally {
    driver.code("cuEventDestroy", event);
  }
}
