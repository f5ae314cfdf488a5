import type { ClinicService } from "@baltoro/clinic";
import type { Route } from "@baltoro/serving";

/** The socket of a request, as Hono's Node server passes it on. */
interface NodeBindings {
  readonly incoming?: { readonly socket?: { readonly remoteAddress?: string } };
}

/**
 * The clinic's service as routes of the gateway, whose guards (Host, Origin, size) stand before it. It asks for keys itself, since its keys
 * have roles: the routes are open to the gateway.
 */
export function clinicRoutes(service: ClinicService): Route[] {
  const methods = ["GET", "POST", "PUT", "DELETE"] as const;
  return service.prefixes.flatMap((prefix) =>
    [prefix, `${prefix}/*`].flatMap((path) =>
      methods.map(
        (method): Route => ({
          ...{ method, path, open: true },
          handle: ({ req, env }) => service.handle(req.raw, (env as NodeBindings).incoming?.socket?.remoteAddress),
        }),
      ),
    ),
  );
}
