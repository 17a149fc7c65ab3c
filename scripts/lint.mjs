// Format and lint, the floors of the house, dead code: all of them, even if one fails.
import { spawnSync } from "node:child_process";

const checks = ["lint:format", "lint:floors", "lint:dead"];
let failed = 0;
for (const check of checks) {
  process.stdout.write(`${check}\n`);
  const { status } = spawnSync("npm", ["run", "--silent", check], { stdio: "inherit" });
  if (status !== 0) failed += 1;
}
process.stdout.write(`${checks.length - failed} passed, ${failed} failed, 0 skipped\n`);
process.exitCode = failed === 0 ? 0 : 1;
