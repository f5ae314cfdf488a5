import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ClinicService, type ClinicServiceOptions, createClinicService, startAssessor } from "../src/index.ts";

export const hostileModule = new URL("./hostile-assessor.ts", import.meta.url).href;

export interface Setting {
  readonly service: ClinicService;
  readonly directory: string;
  /** What the operator was told. */
  readonly lines: string[];
}

/** A service in a directory of its own, with the small assessor in its thread. */
export async function withService(
  options: Partial<ClinicServiceOptions> & { timeout?: number },
  use: (setting: Setting) => Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "baltoro-clinic-"));
  const lines: string[] = [];
  const service = createClinicService({
    ...{ directory, loopback: true, log: (line: string) => lines.push(line) },
    startAssessor: () => startAssessor({ module: hostileModule, timeout: options.timeout ?? 5000 }),
    ...options,
  });
  try {
    await use({ service, directory, lines });
  } finally {
    await service.close();
    rmSync(directory, { recursive: true });
  }
}

const base = "http://localhost:8080";

export function get(path: string, headers: Record<string, string> = {}): Request {
  return new Request(`${base}${path}`, { headers });
}

export function post(path: string, body: unknown, headers: Record<string, string> = {}): Request {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return new Request(`${base}${path}`, {
    method: "POST",
    body: text,
    headers: { "Content-Type": "application/json", ...headers },
  });
}

/** A bundle with one note, of a patient born on 2021-02-28 who is seen on the third birthday. */
export function noteBundle(text: string, ...more: object[]): object {
  const data = Buffer.from(text).toString("base64");
  const resources = [
    { resourceType: "Patient", id: "7", birthDate: "2021-02-28" },
    {
      ...{ resourceType: "DocumentReference", id: "d", status: "current", date: "2024-02-28T10:00:00Z" },
      ...{ subject: { reference: "Patient/7" }, content: [{ attachment: { contentType: "text/plain", data } }] },
    },
    ...more,
  ];
  return { resourceType: "Bundle", type: "collection", entry: resources.map((resource) => ({ resource })) };
}
