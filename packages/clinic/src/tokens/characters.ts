/** Full-width ASCII to half-width, capitals to small letters: one UTF-16 unit to one, so that offsets stay. */
export function normalizeUnits(text: string): string {
  let result = "";
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i);
    if (code >= 0xff01 && code <= 0xff5e) code -= 0xfee0;
    else if (code === 0x3000) code = 0x20;
    if (code >= 0x41 && code <= 0x5a) code += 0x20;
    result += String.fromCharCode(code);
  }
  return result;
}

export function isHan(code: number): boolean {
  return (code >= 0x4e00 && code <= 0x9fff) || (code >= 0x3400 && code <= 0x4dbf);
}

/** a … z; text is normalized before. */
export function isLetter(code: number): boolean {
  return code >= 0x61 && code <= 0x7a;
}

export function isSpace(code: number): boolean {
  return code <= 0x20 || code === 0xa0 || (code >= 0x2000 && code <= 0x200f) || code === 0xfeff;
}

/** What stands where the name of a disease was (src/examples): a run of them is one token, so that its length says nothing. */
export function isDiseaseMask(code: number): boolean {
  return code === 0x25a1 || code === 0x2588 || code === 0x25a0;
}

/** First index from `from` on whose unit is not of the kind. */
export function runEnd(text: string, from: number, isKind: (code: number) => boolean, limit = text.length): number {
  let at = from;
  while (at < limit && isKind(text.charCodeAt(at))) at++;
  return at;
}
