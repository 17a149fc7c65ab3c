// Compiles the agent into dist/ and the programs that tests, demo and bench run into build/.
import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";

const tsc = ["node_modules/typescript/bin/tsc", "-p"];
execFileSync(process.execPath, [...tsc, "tsconfig.build.json"], { stdio: "inherit" });
if (!process.argv.includes("--agent-only")) {
  execFileSync(process.execPath, [...tsc, "tsconfig.support.json"], { stdio: "inherit" });
}
chmodSync("dist/cli.js", 0o755);
