/** Colours of both themes, and how a chart is drawn with them. */
const light = `--paper:#fff;--panel:#fff;--page:#f6f7f9;--ink:#16202c;--muted:#5b6775;--line:#dfe3e8;--grid:#e9ecf0;--axis:#9aa5b1;
--c1:#1f6feb;--c2:#d9540b;--c3:#0b8a5f;--c4:#8b3fd1;--c5:#a67c00;--c6:#c2255c;--good:#0b7a4b;--warn:#a35200`;
const dark = `--paper:#151b23;--panel:#151b23;--page:#0d1117;--ink:#e8edf3;--muted:#9aa7b5;--line:#2a323d;--grid:#232b35;--axis:#5d6976;
--c1:#6ea8fe;--c2:#ff9f66;--c3:#4fd1a1;--c4:#c79bff;--c5:#e3c15b;--c6:#ff8ab5;--good:#4fd1a1;--warn:#ffb56b`;

/** What a colour of the theme is on paper, for viewers that know no custom properties. */
export function paperColor(color: string): string {
  const name = /var\((--\w+)\)\s*\)?$/.exec(color)?.[1];
  return (name && new RegExp(`${name}:(#\\w+)`).exec(light)?.[1]) ?? color;
}

/** Which theme: the reader's own, or one for good. */
export type Theme = "auto" | "light" | "dark";

/** Custom properties for `selector`. Paper is light whatever the screen is. */
export function themeVariables(selector: string, theme: Theme): string {
  if (theme !== "auto") return `${selector}{${theme === "dark" ? dark : light}}`;
  return `${selector}{${light}}@media screen and (prefers-color-scheme:dark){${selector}{${dark}}}`;
}

export const chartStyle = `
.chart{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-size:12px;display:block;max-width:100%;height:auto}
.chart text{fill:var(--ink);font-variant-numeric:tabular-nums}
.chart .title{font-size:16px;font-weight:650}
.chart .tick,.chart .unit,.chart .rule-label{fill:var(--muted)}
.chart .end{font-weight:650}
.chart .grid{stroke:var(--grid);stroke-width:1}
.chart .axis{stroke:var(--axis);stroke-width:1}
.chart .rule{stroke:var(--c6);stroke-width:1.5;stroke-dasharray:6 4}
.chart .rule-label{fill:var(--c6);font-weight:600;paint-order:stroke;stroke:var(--paper);stroke-width:3px}
.chart .curve{fill:none;stroke-linejoin:round;stroke-linecap:round}
.chart .dot{stroke:var(--paper);stroke-width:1.5}`;

export const pageStyle = `
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1160px;margin:0 auto;padding:32px 20px 48px}
header{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 14px;margin-bottom:20px}
h1{font-size:28px;line-height:1.2;letter-spacing:-.01em;margin:0;overflow-wrap:anywhere}
header p{margin:0;color:var(--muted);flex-basis:100%}
.badge{font-size:13px;font-weight:600;padding:2px 10px;border-radius:99px;border:1px solid currentColor;color:var(--good)}
.badge.open{color:var(--warn)}
h2{font-size:18px;margin:36px 0 12px}
h3{font-size:15px;margin:0}
.tiles{display:grid;grid-template-columns:repeat(6,1fr);border:1px solid var(--line);border-radius:10px;background:var(--line);gap:1px;overflow:hidden}
.tile{background:var(--panel);padding:14px 16px}
.tile span{display:block;color:var(--muted);font-size:13px}
.tile b{display:block;font-size:26px;line-height:1.25;font-weight:650;letter-spacing:-.01em}
.tile small{display:block;color:var(--muted);font-size:12.5px;min-height:1.5em}
.charts{display:grid;grid-template-columns:repeat(6,1fr);gap:16px;margin-top:16px}
figure{margin:0;background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:14px 12px 12px;position:relative;min-width:0}
figure.wide{grid-column:1/-1}figure.half{grid-column:span 3}figure.third{grid-column:span 2}
figure h3{padding:0 4px 6px}
figcaption{color:var(--muted);font-size:13px;padding:6px 4px 0}
figure .narrow,figure .medium{display:none}
figure .chart{width:100%}
.card{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:14px 16px;min-width:0}
.cards{columns:2;column-gap:16px}
.cards .card{break-inside:avoid;margin-bottom:16px}
dl{display:grid;grid-template-columns:minmax(90px,auto) 1fr;gap:4px 16px;margin:8px 0 0;font-size:14px}
dt{color:var(--muted);overflow-wrap:anywhere}dd{margin:0;text-align:right;overflow-wrap:anywhere}
blockquote{margin:0 0 12px;white-space:pre-wrap;overflow-wrap:anywhere;font:15px/1.6 Georgia,"Iowan Old Style","Times New Roman",serif}
blockquote b{font-weight:650}
blockquote:last-child{margin-bottom:0}
.scroll{overflow-x:auto;border:1px solid var(--line);border-radius:10px;background:var(--panel)}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{padding:9px 14px;text-align:right;white-space:nowrap;border-top:1px solid var(--line)}
thead th{border-top:0;color:var(--muted);font-weight:500}
th:first-child,td:first-child{text-align:left}
td i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:8px}
td.bad{color:var(--warn);font-weight:600}
.stack{display:flex;height:28px;border-radius:7px;overflow:hidden;background:var(--line);gap:1px}
.stack i{display:block;min-width:2px}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:4px 20px;margin:10px 0 0;padding:0;font-size:14px}
.legend i{display:inline-block;width:10px;height:10px;border-radius:3px;margin-right:7px}
.legend b{font-weight:650}.legend small{color:var(--muted);font-size:13px}
.card p,.card ul.notes{margin:8px 0 0;font-size:14px}.card ul.notes{padding-left:18px;color:var(--muted)}
pre{margin:8px 0 0;padding:10px 12px;background:var(--page);border:1px solid var(--line);border-radius:7px;font:13px/1.5 ui-monospace,Menlo,Consolas,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
details{margin-top:16px}summary{cursor:pointer;color:var(--muted);padding:4px 0 10px}
.note{color:var(--muted);font-size:13px;margin:8px 2px 0}
footer{margin-top:36px;color:var(--muted);font-size:13px}
.tip{position:absolute;pointer-events:none;background:var(--panel);color:var(--ink);border:1px solid var(--line);box-shadow:0 4px 16px #0003;font-size:12.5px;line-height:1.45;padding:6px 10px;border-radius:7px;white-space:nowrap;z-index:2}
.tip i{display:inline-block;width:8px;height:8px;border-radius:2px;margin-right:6px}
.cursor{stroke:var(--axis);stroke-width:1;pointer-events:none}
@media(max-width:1000px){.tiles{grid-template-columns:repeat(3,1fr)}figure.half,figure.third{grid-column:span 3}
figure.wide .broad{display:none}figure.wide .medium,figure.half .narrow,figure.third .narrow{display:block}figure.half .broad,figure.third .broad{display:none}
figure.alone{grid-column:1/-1}figure.alone .medium{display:block}figure.alone .narrow{display:none}}
@media(max-width:560px){main{padding:20px 12px 32px}h1{font-size:23px}.tiles{grid-template-columns:1fr 1fr}.tile{padding:11px 13px}.tile b{font-size:22px}
figure,figure.half,figure.third{grid-column:1/-1;padding:12px 8px 10px}figure.wide .medium,figure.alone .medium{display:none}figure.wide .narrow,figure.alone .narrow{display:block}.cards{columns:1}.card{padding:12px}}
@media print{@page{margin:14mm}:root{color-scheme:light}body{background:#fff;font-size:12px}main{padding:0;max-width:none}figure,.card,.tiles{break-inside:avoid}h2{break-after:avoid}
.charts{gap:10px}figure.half,figure.third{grid-column:span 3}figure.wide .broad,figure.wide .narrow{display:none}figure.wide .medium{display:block}
figure.half .broad,figure.third .broad{display:none}figure.half .narrow,figure.third .narrow{display:block}figure.alone{grid-column:1/-1}figure.alone .medium{display:block}figure.alone .narrow{display:none}
.tiles{grid-template-columns:repeat(6,1fr)}.tile{padding:8px 10px}.tile b{font-size:18px}.cards{columns:2}}`;
