import { htmlToText } from "./html.ts";
import { FhirError, type Node, text } from "./reader.ts";

/** Encodings of attached text that are read: what FHIR demands, and what Chinese and Western systems still write. */
const charsets: ReadonlySet<string> = new Set([
  "utf-8",
  "utf8",
  "us-ascii",
  "gbk",
  "gb2312",
  "gb18030",
  "iso-8859-1",
  "windows-1252",
]);

/**
 * The text of an Attachment or a Binary; undefined where it is no text or lies elsewhere.
 *
 * @throws FhirError
 */
export function attachedText(node: Node, binaries: ReadonlyMap<string, Node>): string | undefined {
  const type = (text(node, "contentType") ?? "text/plain").toLowerCase();
  const [media] = type.split(";", 1);
  if (!["text/plain", "text/html", "application/xhtml+xml"].includes(media.trim())) return undefined;
  const data = text(node, "data");
  if (data === undefined) {
    const url = text(node, "url");
    const binary = url === undefined ? undefined : binaries.get(url);
    return binary && binary !== node ? attachedText(binary, new Map()) : undefined;
  }
  const charset = /;\s{0,4}charset\s{0,4}=\s{0,4}"?([\w-]{1,20})/.exec(type)?.[1] ?? "utf-8";
  if (!charsets.has(charset))
    throw new FhirError(`${node.path}.contentType`, "its charset is not read; use utf-8", "not-supported");
  const decoded = decode(decodeBase64(data, `${node.path}.data`), charset, `${node.path}.data`);
  return media.trim() === "text/plain" ? decoded : htmlToText(decoded);
}

function decodeBase64(data: string, path: string): Uint8Array {
  const packed = data.replace(/[ \r\n\t]/g, "");
  if (packed.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(packed))
    throw new FhirError(path, "is not base64", "value");
  return Buffer.from(packed, "base64");
}

function decode(bytes: Uint8Array, charset: string, path: string): string {
  try {
    return new TextDecoder(charset === "utf8" ? "utf-8" : charset, { fatal: true }).decode(bytes);
  } catch {
    throw new FhirError(path, `is not text in ${charset}`, "value");
  }
}
