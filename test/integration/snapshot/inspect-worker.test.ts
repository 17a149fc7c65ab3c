import { truncateSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inspectFile } from "../../../src/snapshot/inspect-file.js";
import { copyOf, fixture, scratch } from "../../../src/snapshot/test-fixtures.js";
import { answerOf, compileSources, runModule } from "./compiled.js";

const script = `
import { inspectDatabase } from "./snapshot/inspect.js";
let workers = 0;
process.on("worker", () => { workers += 1; });
const before = process.resourceUsage().maxRSS;
const inspection = await inspectDatabase(process.argv[2]);
const grown = process.resourceUsage().maxRSS - before;
console.log(JSON.stringify({ workers, grown, inspection }));
`;

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

async function inspected(file: string): Promise<{ workers: number; grown: number; inspection: unknown }> {
  return (await answerOf(runModule(compiled.dir, script, file))) as Awaited<ReturnType<typeof inspected>>;
}

describe("a look into a database, as compiled", () => {
  it("happens in the calling thread for a small one", async () => {
    const { workers, inspection } = await inspected(fixture("2.7.1-shop"));

    expect(workers).toBe(0);
    expect(inspection).toEqual(inspectFile(fixture("2.7.1-shop")));
  });

  it("happens in a thread of its own for a large one, with the same answer and in little memory", async () => {
    const file = manyRules(96);

    const { workers, grown, inspection } = await inspected(file);

    expect(workers).toBe(1);
    expect(inspection).toEqual(inspectFile(file));
    expect(grown).toBeLessThan(80 * 1_024);
  });

  it("reports damage found there as problems", async () => {
    const file = manyRules(8);
    truncateSync(file, 6 * 1_024 * 1_024);

    const { workers, inspection } = await inspected(file);

    expect(workers).toBe(1);
    expect(inspection).toMatchObject({ isDatabase: true, tables: {} });
    expect((inspection as { problems: string[] }).problems.length).toBeGreaterThan(0);
  });
});
