import { readdir, readFile } from "node:fs/promises";
import { extname, join, relative, sep } from "node:path";
import type { Route } from "./route.ts";

const types: Readonly<Record<string, string>> = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".txt": "text/plain; charset=utf-8",
  ".webmanifest": "application/manifest+json",
  ".woff2": "font/woff2",
};

/**
 * A route per file of a built page, index.html also at `/`. Files are listed once, when the server starts, so that no request
 * names a path of the disk. Those under assets/ carry a hash in their names and may be kept for ever.
 *
 * @throws if the directory has no index.html
 */
export async function fileRoutes(directory: string): Promise<Route[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const routes = files.map((file): Route => {
    const name = relative(directory, file).split(sep).join("/");
    const headers = {
      "Content-Type": types[extname(file)] ?? "application/octet-stream",
      "Cache-Control": name.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache",
    };
    const handle = async () => new Response(new Uint8Array(await readFile(file)), { headers });
    return { method: "GET", path: name === "index.html" ? "/" : `/${name}`, open: true, handle };
  });
  if (!routes.some(({ path }) => path === "/")) {
    throw new Error(`${directory} has no index.html: build the page with \`npm run build\``);
  }
  return routes;
}
