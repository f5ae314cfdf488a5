import { loadKoffi } from "./native-memory.ts";

/**
 * Has the system end this process after so many whole seconds (SIGALRM), 0 takes it back. For the time in which a library may not come back:
 * a thread that waits in one cannot be ended, nor can its process by its own means.
 */
export function endProcessIn(seconds: number): void {
  const library = loadKoffi().load(process.platform === "darwin" ? "/usr/lib/libSystem.B.dylib" : "libc.so.6");
  library.func("unsigned int alarm(unsigned int seconds)")(seconds);
}
