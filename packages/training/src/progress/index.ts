export { createProgress, type Progress, type ProgressOptions, type ProgressStream } from "./display.ts";
export { formatLogLine, formatProgress, type ProgressState, type ProgressStyle } from "./format.ts";
