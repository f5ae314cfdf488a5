import type { Socket } from "node:net";

/** A frame between ranks: six words of header, then `length` bytes. */
const headerWords = 6;
export const headerBytes = 4 * headerWords;
const magic = 0x0ba17030;
const kinds = ["hello", "data", "bye", "abort", "table"] as const;
export type FrameKind = (typeof kinds)[number];

export interface FrameHeader {
  readonly kind: FrameKind;
  /** The round; in a hello the rank that speaks. */
  readonly sequence: number;
  /** Index of the operation. */
  readonly operation: number;
  /** Elements of the operation; in a hello how many ranks there are. */
  readonly count: number;
  readonly length: number;
}

export function frameHeader({ kind, sequence, operation, count, length }: FrameHeader): Buffer {
  const header = Buffer.alloc(headerBytes);
  for (const [i, word] of [magic, kinds.indexOf(kind), sequence, operation, count | 0, length].entries())
    header.writeInt32LE(word, 4 * i);
  return header;
}

/** A frame of one piece. */
export function frame(kind: FrameKind, text = "", { sequence = 0, count = 0 } = {}): Buffer {
  const payload = Buffer.from(text);
  return Buffer.concat([frameHeader({ kind, sequence, operation: 0, count, length: payload.length }), payload]);
}

/** Reads a header; null where it is none. */
export function parseHeader(bytes: Buffer): FrameHeader | null {
  const [seen, kind, sequence, operation, count, length] = Array.from({ length: headerWords }, (_, i) =>
    bytes.readInt32LE(4 * i),
  );
  if (seen !== magic || length < 0 || !(kind in kinds)) return null;
  return { kind: kinds[kind], sequence, operation, count, length };
}

/** While ranks meet, frames are short: whoever sends longer ones is none. */
const longestMeetingFrame = 64 << 10;

/** The connection ended before the frame that was waited for. */
export class HungUpError extends Error {}

/**
 * Reads one frame from a connection that nobody listens to yet, and leaves what comes behind it in the connection.
 *
 * @throws HungUpError, or Error where something that is no rank speaks, or nothing comes within the time.
 */
export function readFrame(socket: Socket, seconds: number): Promise<FrameHeader & { readonly text: string }> {
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0);
    let header: FrameHeader | null = null;
    const timer = setTimeout(() => end(new Error(`nothing came within ${seconds} s`)), seconds * 1000);
    const closed = () => end(new HungUpError("hung up"));
    const end = (error: Error | null, text = "") => {
      clearTimeout(timer);
      socket.off("readable", take).off("close", closed).off("end", closed);
      if (error) reject(error);
      else resolve({ ...(header as FrameHeader), text });
    };
    const take = () => {
      for (;;) {
        const wanted: number = header ? header.length : headerBytes;
        const chunk = got.length < wanted ? (socket.read(wanted - got.length) as Buffer | null) : null;
        // Fewer bytes than asked for come only where the connection has ended.
        if (chunk) got = Buffer.concat([got, chunk]);
        if (got.length < wanted) return;
        if (header) return end(null, got.toString("utf8"));
        header = parseHeader(got);
        if (!header || header.length > longestMeetingFrame)
          return end(new Error("what came is no frame of this program"));
        got = Buffer.alloc(0);
      }
    };
    socket.on("readable", take).once("close", closed).once("end", closed);
    take();
  });
}
