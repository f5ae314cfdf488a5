import { isUtf8 } from "node:buffer";

/** Turns chunks of bytes into text. Bytes that are no UTF-8 become U+FFFD and are counted. */
export interface Utf8Decoder {
  /** Text of the chunk; a character cut in two waits for the next chunk. */
  decode(chunk: Uint8Array): string;
  /** The rest. */
  end(): string;
  /** Characters that were put in the place of invalid bytes so far. */
  readonly replaced: number;
}

// U+FFFD in UTF-8, a byte a character.
const replacement = "\xEF\xBF\xBD";

export function utf8Decoder(): Utf8Decoder {
  let rest = Buffer.alloc(0);
  let replaced = 0;
  let first = true;

  function text(bytes: Buffer): string {
    let decoded = bytes.toString("utf8");
    // A U+FFFD that stands in the file itself is no damage.
    if (!isUtf8(bytes)) replaced += count(decoded, "\uFFFD") - count(bytes.toString("latin1"), replacement);
    if (first && decoded !== "") {
      first = false;
      if (decoded.startsWith("\uFEFF")) decoded = decoded.slice(1);
    }
    return decoded;
  }

  return {
    decode(chunk) {
      const bytes =
        rest.length > 0 ? Buffer.concat([rest, chunk]) : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
      const whole = bytes.length - incompleteTail(bytes);
      rest = Buffer.from(bytes.subarray(whole));
      return text(bytes.subarray(0, whole));
    },
    end() {
      const tail = text(rest);
      rest = Buffer.alloc(0);
      return tail;
    },
    get replaced() {
      return replaced;
    },
  };
}

/** Bytes at the end that begin a character without finishing it: 0 to 3. */
function incompleteTail(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back];
    if ((byte & 0xc0) === 0x80) continue;
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return length > back ? back : 0;
  }
  return 0;
}

function count(haystack: string, needle: string): number {
  let found = 0;
  for (let at = haystack.indexOf(needle); at >= 0; at = haystack.indexOf(needle, at + needle.length)) found++;
  return found;
}
