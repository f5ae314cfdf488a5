import type { Context } from "hono";

/** An entry of the gateway's table, in the web's own terms: a Request comes in, a Response goes out. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** As Hono writes paths: `/v1/models/:id`. */
  readonly path: string;
  /** Answered without an API key: the page's files and the health check. */
  readonly open?: boolean;
  handle(context: Context): Response | Promise<Response>;
}
