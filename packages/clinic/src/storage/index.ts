export { openDatabase, transact } from "./database.ts";
export { defaultDataDirectory, makeDataDirectory } from "./directory.ts";
