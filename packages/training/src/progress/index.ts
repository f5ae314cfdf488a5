export { createProgress, type Progress, type ProgressOptions, type ProgressStream, terminalStyle } from "./display.ts";
export { drawBar, formatLogLine, formatProgress, type ProgressState, type ProgressStyle } from "./format.ts";
