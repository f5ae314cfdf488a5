// Preloaded into a training (--import): ends a computing thread of the WASM device, as a crash would, once KILL_FILE has KILL_LINES lines.
import { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import threads from "node:worker_threads";

const { KILL_FILE: file, KILL_LINES: lines } = process.env;
if (threads.isMainThread && file !== undefined) {
  threads.Worker = class extends threads.Worker {
    constructor(url, options) {
      super(url, options);
      if (options?.name !== "baltoro-wasm-1") return;
      const timer = setInterval(() => {
        try {
          if (readFileSync(file, "utf8").split("\n").length <= Number(lines)) return;
        } catch {
          return;
        }
        clearInterval(timer);
        void this.terminate();
      }, 1).unref();
    }
  };
  syncBuiltinESMExports();
}
