/** Elements whose content is no text of the note. */
const silent: ReadonlySet<string> = new Set([
  "script",
  "style",
  "head",
  "title",
  "template",
  "noscript",
  "svg",
  "math",
]);
/** Elements that end a line. */
const blocks: ReadonlySet<string> = new Set(
  "address article blockquote br dd div dl dt footer h1 h2 h3 h4 h5 h6 header hr li main ol p pre section table tbody thead tr ul".split(
    " ",
  ),
);
const entities: Readonly<Record<string, string>> = {
  ...{
    amp: "&",
    lt: "<",
    gt: ">",
    quot: '"',
    apos: "'",
    nbsp: " ",
    deg: "°",
    times: "×",
    plusmn: "±",
    micro: "µ",
    middot: "·",
  },
  ...{
    le: "≤",
    ge: "≥",
    ndash: "–",
    mdash: "—",
    sup2: "²",
    sup3: "³",
    hellip: "…",
    bull: "•",
    lsquo: "‘",
    rsquo: "’",
    ldquo: "“",
    rdquo: "”",
  },
};

/**
 * The text of an HTML or XHTML fragment, in one pass: its time is in proportion to its length, whatever it holds. The result is text:
 * `&lt;b&gt;` becomes `<b>` and must be escaped again wherever it is shown.
 */
export function htmlToText(html: string): string {
  const parts: string[] = [];
  let at = 0;
  // A quote that nothing closes would swallow the rest of the note: from then on quotes are not looked at, which also keeps time linear.
  let quotes = true;
  while (at < html.length) {
    const open = html.indexOf("<", at);
    if (open < 0) {
      parts.push(html.slice(at));
      break;
    }
    parts.push(html.slice(at, open));
    if (html.startsWith("<!--", open)) {
      const end = html.indexOf("-->", open + 4);
      if (end < 0) {
        parts.push(html.slice(open));
        break;
      }
      at = end + 3;
      continue;
    }
    const name = /^<\/?([a-zA-Z][a-zA-Z0-9]{0,15})/.exec(html.slice(open, open + 20))?.[1].toLowerCase();
    // "<5" and "a < b" in a note are no tags.
    if (name === undefined && html[open + 1] !== "!" && html[open + 1] !== "?") {
      parts.push("<");
      at = open + 1;
      continue;
    }
    let end = quotes ? tagEnd(html, open + 1) : html.indexOf(">", open);
    if (end < 0 && quotes) {
      quotes = false;
      end = html.indexOf(">", open);
    }
    if (end < 0) {
      parts.push(html.slice(open));
      break;
    }
    if (name !== undefined && blocks.has(name)) parts.push("\n");
    else if (name === "td" || name === "th") parts.push(" ");
    at = end + 1;
    if (name !== undefined && silent.has(name) && html[open + 1] !== "/" && html[end - 1] !== "/") {
      const close = new RegExp(`</${name}`, "gi");
      close.lastIndex = at;
      const found = close.exec(html);
      if (!found) break;
      at = found.index;
    }
  }
  return decodeEntities(parts.join(""))
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trim();
}

/** Where a tag ends: the first `>` outside quotes, or -1. */
function tagEnd(html: string, from: number): number {
  let quote = "";
  for (let i = from; i < html.length; i++) {
    const character = html[i];
    if (quote !== "") {
      if (character === quote) quote = "";
    } else if (character === ">") return i;
    else if (character === '"' || character === "'") quote = character;
  }
  return -1;
}

function decodeEntities(text: string): string {
  return text.replace(/&(#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,7});/g, (whole, name: string) => {
    if (!name.startsWith("#")) return Object.hasOwn(entities, name) ? entities[name] : whole;
    const code = /^#[xX]/.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : "\ufffd";
  });
}
