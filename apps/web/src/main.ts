import { startShell } from "./shell/shell.ts";

const navigation = document.getElementById("navigation");
const main = document.getElementById("main");
if (navigation === null || main === null) throw new Error("index.html has no #navigation or no #main");
startShell(navigation, main);
