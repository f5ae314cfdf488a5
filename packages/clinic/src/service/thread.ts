/** The assessor's thread: it loads the model and judges notes, reached by messages only. */
import { parentPort, workerData } from "node:worker_threads";
import type { AssessOptions, Assessor } from "../diagnosis/index.ts";
import { traceOf } from "./errors.ts";

/** What the thread is started with: the module that exports `createAssessor`, and what that is called with. */
export interface ThreadData {
  readonly module: string;
  readonly options: unknown;
}

export type ToThread =
  | { readonly id: number; readonly text: string; readonly options: AssessOptions }
  | { readonly close: true };

if (!parentPort) throw new Error("the assessor's thread is started by startAssessor");
const port = parentPort;
const { module, options } = workerData as ThreadData;
let assessor: Assessor;
try {
  const { createAssessor } = (await import(module)) as { createAssessor(options: unknown): Promise<Assessor> };
  assessor = await createAssessor(options);
  port.on("message", (message: ToThread) => void receive(message));
  port.postMessage({ model: assessor.model });
} catch (error) {
  // No note was seen yet: the message is about the model's files.
  port.postMessage({ failed: (error as Error).message });
}

async function receive(message: ToThread): Promise<void> {
  if ("close" in message) {
    await assessor.close().catch(() => {});
    port.close();
    return;
  }
  try {
    port.postMessage({ id: message.id, assessment: await assessor.assess(message.text, message.options) });
  } catch (error) {
    port.postMessage({ id: message.id, trace: traceOf(error) });
  }
}
