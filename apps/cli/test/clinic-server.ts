/** A server as `baltoro serve` wires it, with an assessor for tests: DIRECTORY MODULE [cds-clients FILE]. Prints its address. */
import { createClinicService, loadCdsTrust, startAssessor } from "@baltoro/clinic";
import { createGateway } from "@baltoro/serving";
import { clinicRoutes } from "../src/clinic-routes.ts";

const [directory, module, clients] = process.argv.slice(2);
const service = createClinicService({
  ...{ directory, loopback: true },
  startAssessor: () => startAssessor({ module, timeout: 3000 }),
  trust: clients === undefined ? undefined : loadCdsTrust(clients),
  limits: { bodyTimeout: 500 },
});
const gateway = await createGateway({
  ...{ routes: clinicRoutes(service), port: 0 },
  answerError: (error, request) => service.refuse(request, error),
});
console.log(gateway.url);
process.once("SIGTERM", async () => {
  await gateway.close(1000);
  await service.close();
});
