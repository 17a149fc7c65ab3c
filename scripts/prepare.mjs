import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** Installs the packages and compiles, each only if it is needed. Everything it prints goes to stderr. */
export function prepare() {
  process.chdir(fileURLToPath(new URL("..", import.meta.url)));
  const [major = 0] = process.versions.node.split(".").map(Number);
  if (major < 20) {
    process.stderr.write(`Node.js 20 or newer is needed, this is ${process.versions.node}.\n`);
    process.exit(1);
  }
  const run = (program, args) =>
    execFileSync(program, args, { stdio: ["ignore", process.stderr, process.stderr] });
  if (!existsSync("node_modules/.package-lock.json")) {
    process.stderr.write("Installing packages (better-sqlite3 may be compiled, which takes a minute) ...\n");
    run("npm", ["ci", "--no-audit", "--no-fund"]);
  }
  process.stderr.write("Building ...\n");
  run(process.execPath, ["scripts/build.mjs"]);
}
