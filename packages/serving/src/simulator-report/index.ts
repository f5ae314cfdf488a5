export { htmlReport, type PageOptions } from "./html.ts";
export { reportJson } from "./json.ts";
export { type TerminalStyle, terminalReport } from "./terminal.ts";
