export { type KeyRecord, type KeyStore, openKeyStore } from "./keys.ts";
export { may, type Permission, type Role, roles } from "./roles.ts";
