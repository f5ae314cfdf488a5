import { defineConfig } from "vite";

/** During `npm run dev` the API is asked at this server, which runs beside Vite's. */
const server = process.env.BALTORO_URL ?? "http://localhost:8080";

export default defineConfig({
  build: {
    target: "es2022",
    // The policy of the server that serves these files forbids data: URLs of scripts, styles and fonts.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    emptyOutDir: true,
  },
  server: { proxy: { "^/(clinic/)?v1/": { target: server, changeOrigin: true, headers: { origin: server } } } },
});
