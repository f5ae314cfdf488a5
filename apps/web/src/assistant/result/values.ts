import { button, element } from "../../dom/element.ts";
import { rove } from "../../dom/rove.ts";
import { languageTags } from "../../language/language.ts";
import { refs } from "../note/marks.ts";
import { trendLine } from "./bars.ts";
import { named, numberText, unitText } from "./measures.ts";
import { itemText, middleOf, type Placed, type ValueRow, valueRows, valueText } from "./value-rows.ts";
import { card, spoken, type View } from "./view.ts";

/** Readings before the latest that a line shows; all of them are marked in the note. */
const mostEarlier = 3;

/** The chart: one line a test with its value, flag, range and what it was before. */
export function values(view: View): HTMLElement {
  const { assessment, words } = view;
  const { rows, others } = valueRows(assessment.items, assessment.patient.ageMonths);
  const root = card("values", words.values.title);
  if (rows.length === 0) root.append(element("p", { class: "hint" }, words.values.none));
  else root.append(table(rows, view));
  if (others.length > 0) root.append(otherValues(others, view));
  const sources = [...new Set(rows.flatMap(({ range }) => (range ? [range.source] : [])))];
  if (sources.length > 0) {
    const list = element("ul", {}, ...sources.map((source) => element("li", { lang: "en" }, source)));
    root.append(element("details", { class: "sources" }, element("summary", {}, words.values.rangeSource), list));
  }
  rove(root, ".reading");
  return root;
}

function table(rows: readonly ValueRow[], view: View): HTMLElement {
  const { values: words } = view.words;
  const head = [words.test, words.value, words.range].map((text) => element("th", { scope: "col" }, text));
  const bodies = [...Map.groupBy(rows, ({ group }) => group)].map(([group, members]) =>
    element(
      "tbody",
      {},
      element("tr", {}, element("th", { scope: "rowgroup", colspan: 3, class: "group" }, words.groups[group])),
      ...members.flatMap((row) => lines(row, view)),
    ),
  );
  return element("table", {}, element("thead", { class: "visually-hidden" }, element("tr", {}, ...head)), ...bodies);
}

/** A test's line, and one below it of what it was before. */
function lines(row: ValueRow, view: View): HTMLElement[] {
  const { words } = view;
  const { item } = row.latest;
  const name = named(words.values.names, row.code);
  const flag = item.flag;
  const drawn = [...row.earlier, row.latest].map((each) => middleOf(each.item));
  const numbers = drawn.filter((value) => value !== undefined);
  const left = row.earlier.length - mostEarlier;
  const earlier = [
    ...(left > 0 ? [`+${left} `, arrow()] : []),
    ...row.earlier.slice(-mostEarlier).flatMap((each) => [reading(each, view, false), arrow()]),
  ];
  const range = row.range ? `${numberText(row.range.low)}–${numberText(row.range.high)}` : "";
  const unit = unitText(item.unit, words.values.perMinute);
  const latest = element("span", { class: "now" }, flagMark(flag, view), reading(row.latest, view, true));
  const heading = element("th", { scope: "row" }, name, ...hints(row.latest, view));
  const cells =
    item.result === undefined
      ? [
          element("td", { class: "number" }, latest, element("span", { class: "unit" }, unit)),
          element("td", { class: "number range" }, range || spoken(words.values.unflagged)),
        ]
      : [element("td", { class: "finding", colspan: 2 }, latest)];
  const hasPast = row.earlier.length > 0;
  const first = element("tr", { "data-flag": flag, class: hasPast ? "with-trend" : undefined }, heading, ...cells);
  const drawing = numbers.length > 1 ? [trendLine(numbers, row.range)] : [];
  const before = element(
    "td",
    { class: "earlier", colspan: 3 },
    spoken(`${words.values.trend}: `),
    ...earlier,
    ...drawing,
  );
  const rows = hasPast ? [first, element("tr", {}, before)] : [first];
  const all = [row.latest, ...row.earlier].map(({ index }) => refs.item(index));
  for (const node of rows) view.links.around(node, all);
  return rows;
}

function arrow(): HTMLElement {
  return element("span", { "aria-hidden": "true" }, "→");
}

/** One reading, by which its place in the note is found. */
function reading(placed: Placed, view: View, latest: boolean): HTMLElement {
  const { words } = view;
  const text = valueText(placed.item, words.values.results);
  const name = named(words.values.names, placed.item.code);
  const node = button(text, () => {}, { class: latest ? "button reading latest" : "button reading" });
  node.setAttribute("aria-label", `${name} ${itemText(placed.item, words.values.results, words.values.perMinute)}`);
  const details = [placed.item.time, placed.item.status === "past" ? words.values.past : undefined].filter(Boolean);
  // A finding stands in the note's own words.
  if (text === placed.item.result) node.lang = languageTags[view.assessment.note.language];
  if (details.length > 0) node.title = details.join(" · ");
  view.links.entry(node, [refs.item(placed.index)]);
  return node;
}

function flagMark(flag: "L" | "N" | "H" | undefined, { words }: View): HTMLElement {
  if (flag === undefined) return element("span", { class: "flag" });
  const sign = { L: "L ↓", N: "", H: "H ↑" }[flag];
  const name = words.values.flags[flag];
  return element(
    "span",
    { class: "flag", "data-flag": flag, title: name },
    element("span", { "aria-hidden": "true" }, sign),
    spoken(name),
  );
}

function hints({ item }: Placed, { words, assessment }: View): HTMLElement[] {
  const said = [
    item.status === "past" ? words.values.past : "",
    item.certainty === "approximate" ? words.values.approximate : "",
    item.certainty === "inferred" ? words.values.inferred : "",
    item.start >= item.end ? words.values.notePlace : "",
  ].filter((text) => text !== "");
  const parts = said.map((text) => element("span", {}, text));
  if (item.time) parts.push(element("span", { lang: languageTags[assessment.note.language] }, item.time));
  const spaced = parts.flatMap((part, i) => (i === 0 ? [part] : [" · ", part]));
  return parts.length === 0 ? [] : [element("span", { class: "detail" }, ...spaced)];
}

function otherValues(others: readonly Placed[], view: View): HTMLElement {
  const { values: words } = view.words;
  const rows = others.map((each) => {
    const text = `${named(words.names, each.item.code)} ${itemText(each.item, words.results, words.perMinute)}`;
    const node = button(text, () => {}, { class: "button reading" });
    view.links.entry(node, [refs.item(each.index)]);
    return element("li", {}, node);
  });
  return element(
    "details",
    { class: "others" },
    element("summary", {}, words.other(others.length)),
    element("p", { class: "hint" }, words.otherHint),
    element("ul", {}, ...rows),
  );
}
