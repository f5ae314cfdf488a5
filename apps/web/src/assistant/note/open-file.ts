/** A file that was opened: its text, or why there is none. */
export type Opened = { readonly text: string } | { readonly fault: "badFile" | "bigFile" };

/** A file of more bytes holds no note: 100 000 characters take at most three bytes each, with room to cut. */
const mostBytes = 2 ** 20;

/** Reads a text file in UTF-8, UTF-16 with its mark or GB 18030, the older encoding of Chinese systems. */
export async function openFile(file: Blob): Promise<Opened> {
  if (file.size > mostBytes) return { fault: "bigFile" };
  const bytes = new Uint8Array(await file.arrayBuffer());
  const text = decode(bytes, encodingsOf(bytes));
  return text === undefined || text.includes("\0") ? { fault: "badFile" } : { text };
}

function encodingsOf([first, second]: Uint8Array): readonly string[] {
  if (first === 0xff && second === 0xfe) return ["utf-16le"];
  if (first === 0xfe && second === 0xff) return ["utf-16be"];
  return ["utf-8", "gb18030"];
}

function decode(bytes: Uint8Array, encodings: readonly string[]): string | undefined {
  for (const encoding of encodings) {
    try {
      return new TextDecoder(encoding, { fatal: true }).decode(bytes);
    } catch {
      // Not in this one.
    }
  }
  return undefined;
}
