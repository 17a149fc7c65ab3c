// `npm test`: sets up what is missing and runs every suite that this machine can run. What it skips it names, with the
// reason and the command that would enable it. Ends with one line that sums all suites.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { prepare } from "../scripts/prepare.mjs";

prepare();

const total = { passed: 0, failed: 0, skipped: 0 };

/** Runs a check that is one thing: it passes or fails as its exit code says. */
function check(name, program, args) {
  process.stdout.write(`\n== ${name}\n`);
  const { status } = spawnSync(program, args, { stdio: "inherit" });
  count(name, status === 0 ? { passed: 1, failed: 0, skipped: 0 } : { passed: 0, failed: 1, skipped: 0 });
}

/** Runs one of vitest's projects and counts its tests from vitest's own report. */
function suite(project) {
  process.stdout.write(`\n== ${project}\n`);
  mkdirSync("build", { recursive: true });
  const report = `build/vitest-${project}.json`;
  rmSync(report, { force: true });
  const args = [
    "run",
    "--project",
    project,
    "--reporter=default",
    "--reporter=json",
    `--outputFile.json=${report}`,
  ];
  const { status } = spawnSync("node_modules/.bin/vitest", args, { stdio: "inherit" });
  count(project, summarize(report, status));
}

function summarize(report, status) {
  let result;
  try {
    result = JSON.parse(readFileSync(report, "utf8"));
  } catch (error) {
    process.stdout.write(`vitest left no report: ${error.message}\n`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
  const tests = result.testResults.flatMap((file) => file.assertionResults);
  const with_ = (...states) => tests.filter((test) => states.includes(test.status));
  for (const reason of new Set(with_("skipped", "pending", "todo").map(reasonOf))) {
    process.stdout.write(`skipped: ${reason}\n`);
  }
  const failedTests = with_("failed").length;
  const brokenFiles = result.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  );
  // A run that failed although no test did (an error outside of a test) is a failure all the same.
  const failed = failedTests + brokenFiles.length || (status === 0 ? 0 : 1);
  return { passed: with_("passed").length, failed, skipped: with_("skipped", "pending", "todo").length };
}

/** Tests that need something name it in their suite's title. */
function reasonOf(test) {
  return test.ancestorTitles.length > 0 ? test.ancestorTitles.join(" > ") : test.fullName;
}

function count(name, { passed, failed, skipped }) {
  process.stdout.write(`${name}: ${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  total.passed += passed;
  total.failed += failed;
  total.skipped += skipped;
}

for (const name of ["lint:format", "lint:floors", "lint:dead"]) check(name, "npm", ["run", "--silent", name]);
check("typecheck", "npm", ["run", "--silent", "typecheck"]);
for (const project of ["unit", "integration", "system"]) suite(project);

process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`);
process.exitCode = total.failed === 0 ? 0 : 1;
