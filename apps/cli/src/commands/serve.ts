import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { createGateway, fileRoutes, isLoopback, openaiRoutes, type Route, startEngine } from "@baltoro/serving";
import { deviceFlags, deviceOptions, deviceUsage } from "../checkpoint.ts";
import { clinicFlags, clinicUsage, openClinic } from "../clinic-options.ts";
import { clinicRoutes } from "../clinic-routes.ts";
import { type Command, integerOption, UsageError } from "../usage.ts";

const root = join(import.meta.dirname, "../../../..");
const shippedModel = join(root, "models/gutenberg-nano");
const page = join(root, "apps/web/dist");
const graceSeconds = 10;

const usage = `baltoro serve [--checkpoint DIR] [options]
  serves a model: a page at /, OpenAI's API at /v1, the clinic's assistant at /clinic/v1 and /cds-services

  --checkpoint DIR   default: the model that comes with Baltoro
  --port N           default: PORT, or 8080
  --host ADDRESS     default 127.0.0.1; others need an API key
  --api-key KEY      default: BALTORO_API_KEY; clients send it as Authorization: Bearer KEY
  --allow-host NAME  a host name that clients use; may be repeated
  --allow-origin URL another page's origin that may call the API; may be repeated
  ${clinicUsage}
  ${deviceUsage}`;

export const serve: Command = {
  summary: "serve a model over HTTP: a page to use it, and OpenAI's API",
  usage,
  async run(args) {
    const { values } = parseArgs({
      args,
      options: {
        checkpoint: { type: "string", default: shippedModel },
        port: { type: "string" },
        host: { type: "string" },
        "api-key": { type: "string" },
        "allow-host": { type: "string", multiple: true },
        "allow-origin": { type: "string", multiple: true },
        ...clinicFlags,
        ...deviceFlags,
      },
    });
    const port = integerOption("port", values.port ?? (process.env["PORT"] || undefined), 0) ?? 8080;
    if (port > 65535) throw new UsageError(`--port is ${port}, the highest is 65535`);
    const apiKey = values["api-key"] ?? (process.env["BALTORO_API_KEY"] || undefined);
    const clinic = openClinic(values, { loopback: isLoopback(values.host ?? "127.0.0.1"), sharedKey: apiKey });
    const engine = await startEngine({ checkpoint: values.checkpoint, ...deviceOptions(values) });
    try {
      const routes: Route[] = [
        ...openaiRoutes(engine),
        ...clinicRoutes(clinic.service),
        ...(existsSync(page) ? await fileRoutes(page) : []),
      ];
      const gateway = await createGateway({
        routes,
        port,
        ...(values.host === undefined ? {} : { host: values.host }),
        apiKey,
        allowedHosts: values["allow-host"],
        allowedOrigins: values["allow-origin"] ?? [],
        answerError: (error, request) => clinic.service.refuse(request, error),
      });
      const { id, parameters, activeParameters, device } = engine.model;
      const millions = (count: number) => `${(count / 1e6).toFixed(1)}M`;
      console.log(`${id}: ${millions(parameters)} parameters, ${millions(activeParameters)} active · ${device}`);
      console.log(existsSync(page) ? `Open ${gateway.url}` : `The page is not built; run: npm run build`);
      console.log(clinic.describe(gateway.url));
      console.log(`OpenAI's API: ${gateway.url}/v1 · Ctrl-C stops`);
      const failure = await Promise.race([engine.closed, stopSignal()]);
      await gateway.close(failure ? 0 : graceSeconds * 1000);
      const head = clinic.service.auditHead();
      if (head) console.log(`Clinic: the audit log ends at ${JSON.stringify(head)}`);
      if (failure) throw failure;
      return 0;
    } finally {
      await Promise.all([engine.close(), clinic.service.close()]);
    }
  },
};

/** Resolves on the first Ctrl-C or SIGTERM; a second one ends the process at once. */
function stopSignal(): Promise<undefined> {
  return new Promise((resolve) => {
    const stop = () => {
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
      resolve(undefined);
    };
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop);
  });
}
