import { Problem, problemOf } from "./problem.ts";

/** Where requests go, and with which key. */
export interface SenderOptions {
  /** Read before every request; null sends none. */
  readonly apiKey: () => string | null;
  /** Default: the page's own. */
  readonly fetch?: typeof fetch;
  /** Default: the origin of the page. */
  readonly baseUrl?: string;
}

/** Sends requests to the server. @throws Problem where no answer comes, or one that is an error; an aborted one throws the signal's reason */
export function createSender(options: SenderOptions): (path: string, init: RequestInit) => Promise<Response> {
  return async (path, init) => {
    const key = options.apiKey();
    const headers = new Headers(init.headers);
    if (key !== null && !/^[\x21-\x7e]+$/.test(key)) {
      throw new Problem("unauthorized", "a key is made of letters, digits and signs of ASCII, without spaces");
    }
    if (key !== null) headers.set("Authorization", `Bearer ${key}`);
    const ask = options.fetch ?? fetch;
    const response = await ask(`${options.baseUrl ?? ""}${path}`, { ...init, headers }).catch((error: unknown) => {
      if (init.signal?.aborted) throw error;
      throw new Problem("offline", error instanceof Error ? error.message : String(error));
    });
    if (!response.ok) throw await problemOf(response);
    return response;
  };
}
