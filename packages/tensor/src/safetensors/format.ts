/** Element types of the safetensors format that Baltoro reads, with their bytes per element. */
export const safetensorsBytes = { F32: 4, F16: 2, BF16: 2, I32: 4, I64: 8, F8_E4M3: 1 } as const;

export type SafetensorsDType = keyof typeof safetensorsBytes;

/** What a header says of one tensor. Offsets count from the end of the header. */
export interface TensorInfo {
  readonly dtype: SafetensorsDType;
  readonly shape: readonly number[];
  readonly start: number;
  readonly end: number;
}

/** A file that breaks the format, with what to do. */
export class SafetensorsError extends Error {
  override name = "SafetensorsError";
}

/** The format's own bound on headers: no honest file has a larger one. */
export const maxHeaderBytes = 100_000_000;

/**
 * Checks a header against the format and the size of the file: every field, every range, no overlaps, no bytes unused.
 */
export function parseHeader(
  text: string,
  dataBytes: number,
  path: string,
): { infos: Map<string, TensorInfo>; metadata: Record<string, string> } {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw damaged(path, `its header is no JSON (${(error as Error).message})`);
  }
  if (json === null || typeof json !== "object" || Array.isArray(json)) throw damaged(path, "its header is no object");
  const infos = new Map<string, TensorInfo>();
  const metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(json)) {
    if (name === "__metadata__") Object.assign(metadata, entry);
    else infos.set(name, parseEntry(name, entry, dataBytes, path));
  }
  const ranges = [...infos].sort(([, a], [, b]) => a.start - b.start || a.end - b.end);
  let end = 0;
  for (const [name, info] of ranges) {
    if (info.start !== end) {
      throw damaged(
        path,
        `the bytes of ${name} begin at ${info.start} where ${end} was expected: tensors overlap or leave a gap`,
      );
    }
    end = info.end;
  }
  return { infos, metadata };
}

function parseEntry(name: string, entry: unknown, dataBytes: number, path: string): TensorInfo {
  const {
    dtype,
    shape,
    data_offsets: offsets,
  } = (entry ?? {}) as { dtype?: unknown; shape?: unknown; data_offsets?: unknown };
  if (typeof dtype !== "string" || !Object.hasOwn(safetensorsBytes, dtype)) {
    throw damaged(
      path,
      `${name} has dtype ${JSON.stringify(dtype)}; known are ${Object.keys(safetensorsBytes).join(", ")}`,
    );
  }
  const known = dtype as SafetensorsDType;
  const whole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
  if (!Array.isArray(shape) || !shape.every(whole)) throw damaged(path, `${name} has shape ${JSON.stringify(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(whole)) {
    throw damaged(path, `${name} has data_offsets ${JSON.stringify(offsets)}`);
  }
  const [start, end] = offsets as [number, number];
  const size = shape.reduce((product, axis) => product * axis, 1) * safetensorsBytes[known];
  if (!Number.isSafeInteger(size) || end - start !== size) {
    throw damaged(
      path,
      `${name} ${known} [${shape.join(", ")}] needs ${size} bytes, its data_offsets span ${end - start}`,
    );
  }
  if (end > dataBytes) {
    throw damaged(path, `${name} ends at byte ${end} of the data, the file has ${dataBytes}: it was cut off`);
  }
  return { dtype: known, shape, start, end };
}

export function damaged(path: string, why: string): SafetensorsError {
  return new SafetensorsError(`${path} is damaged: ${why}. Copy or download it again`);
}
