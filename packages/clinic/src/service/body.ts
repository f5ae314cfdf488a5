import { readJson } from "../fhir/index.ts";
import { ServiceError } from "./errors.ts";

/** The media type of a request, in lower case. @throws ServiceError 415 for text that is not UTF-8 */
export function mediaType(request: Request): string {
  const [media, ...parameters] = (request.headers.get("content-type") ?? "").toLowerCase().split(";");
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith("charset="));
  if (charset !== undefined && !/^charset="?(utf-8|utf8|us-ascii)"?$/.test(charset)) {
    throw new ServiceError(415, "unsupported_charset", "the body must be UTF-8", { issue: "not-supported" });
  }
  return media.trim();
}

/** @throws ServiceError 413 past the limit, 408 where the body comes too slowly, 400 where it is not UTF-8 */
export async function readText(request: Request, maxBytes: number, timeout: number): Promise<string> {
  const tooLarge = () =>
    new ServiceError(413, "request_too_large", `the body is larger than ${maxBytes} bytes`, { issue: "too-long" });
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLarge();
  const reader = request.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
  if (!reader) return "";
  const chunks: Uint8Array[] = [];
  let length = 0;
  let timer: NodeJS.Timeout | undefined;
  const slow = new Promise<never>((_, reject) => {
    const error = new ServiceError(408, "request_timeout", `the body took longer than ${timeout / 1000} s`, {
      issue: "timeout",
    });
    timer = setTimeout(() => reject(error), timeout);
  });
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), slow]);
      if (done) break;
      length += value.byteLength;
      if (length > maxBytes) throw tooLarge();
      chunks.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    if (error instanceof ServiceError) throw error;
    throw new ServiceError(400, "incomplete_body", "the body ended before it was whole");
  } finally {
    clearTimeout(timer);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw new ServiceError(400, "invalid_encoding", "the body is not UTF-8");
  }
}

/** @throws ServiceError as {@link readText}; JsonError */
export async function readJsonBody(request: Request, maxBytes: number, timeout: number): Promise<unknown> {
  return readJson(await readText(request, maxBytes, timeout));
}
