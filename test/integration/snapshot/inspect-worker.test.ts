import { truncateSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspectFile } from "../../../src/snapshot/inspect-file.js";
import { copyOf, fixture, scratch } from "../../../src/snapshot/test-fixtures.js";
import { answerOf, compileSources, runModule } from "./compiled.js";

const script = `
import { ChildProcess } from "node:child_process";
import { inspectDatabase } from "./snapshot/inspect.js";
let started = 0;
const { spawn } = ChildProcess.prototype;
ChildProcess.prototype.spawn = function (...args) { started += 1; return spawn.apply(this, args); };
const before = process.resourceUsage().maxRSS;
let longest = 0;
let last = performance.now();
const beat = setInterval(() => { const now = performance.now(); longest = Math.max(longest, now - last); last = now; }, 5);
const inspection = await inspectDatabase(process.argv[2]);
clearInterval(beat);
const grown = process.resourceUsage().maxRSS - before;
console.log(JSON.stringify({ started, grown, longest, inspection }));
`;

interface Answer {
  readonly started: number;
  /** KiB. */
  readonly grown: number;
  /** Milliseconds in which nothing else could run. */
  readonly longest: number;
  readonly inspection: { readonly problems: readonly string[] };
}

let compiled: ReturnType<typeof compileSources>;
beforeAll(() => {
  compiled = compileSources();
});
afterAll(() => compiled.remove());

function manyRules(mebibytes: number): string {
  const text = "x".repeat(1_000);
  return copyOf(
    "2.7.1-shop",
    scratch(),
    "DELETE FROM mysql_query_rules",
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < ${mebibytes * 1_000})
     INSERT INTO mysql_query_rules(rule_id, match_pattern) SELECT i, '${text}' || i FROM n`,
  );
}

async function inspected(file: string): Promise<Answer> {
  return (await answerOf(runModule(compiled.dir, script, file))) as Answer;
}

describe("a look into a database, as compiled", () => {
  it("happens in the calling thread for a small one", async () => {
    const { started, inspection } = await inspected(fixture("2.7.1-shop"));

    expect(started).toBe(0);
    expect(inspection).toEqual(inspectFile(fixture("2.7.1-shop")));
  });

  it("happens in processes of its own for a large one: the same answer, and the caller feels nothing of it", async () => {
    const file = manyRules(96);

    const { started, grown, longest, inspection } = await inspected(file);

    expect(started).toBe(2);
    expect(inspection).toEqual(inspectFile(file));
    expect(grown).toBeLessThan(24 * 1_024);
    // The look itself takes a second and more; on a busy machine a beat may be late for other reasons.
    expect(longest).toBeLessThan(500);
  });

  it("reports damage found there as problems", async () => {
    const file = manyRules(8);
    truncateSync(file, 6 * 1_024 * 1_024);

    const { started, inspection } = await inspected(file);

    expect(started).toBe(2);
    expect(inspection).toMatchObject({ isDatabase: true, tables: {} });
    expect(inspection.problems.length).toBeGreaterThan(0);
  });
});
