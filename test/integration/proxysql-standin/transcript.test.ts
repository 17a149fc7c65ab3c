import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AdminAnswer, connectAdmin } from "../../support/admin-client.js";
import { type Proxysql, startProxysql, usesRealProxysql } from "../../support/proxysql.js";

type Recorded = { sql: string } & AdminAnswer;

let root: string;
let proxysql: Proxysql | undefined;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "transcript-"));
  mkdirSync(join(root, "data"));
});

afterEach(async () => {
  await proxysql?.kill();
  proxysql = undefined;
  rmSync(root, { recursive: true, force: true });
});

describe("replays what the real ProxySQL answered", () => {
  test("2.7.1", () => replay("2.7.1", "admin-transcript-2.7.1.json"), 60_000);

  // The harness runs one real binary, and it is 2.7.1.
  test.skipIf(usesRealProxysql)(
    "3.0.0-alpha (skipped with PROXYSQL_BIN: only the stand-in can choose its version)",
    () => replay("3.0.0", "admin-transcript-3.0.0-alpha.json"),
    60_000,
  );
});

async function replay(version: string, file: string): Promise<void> {
  const recorded = JSON.parse(
    readFileSync(new URL(`../../fixtures/proxysql/${file}`, import.meta.url), "utf8"),
  ) as Recorded[];
  proxysql = await startProxysql({ datadir: join(root, "data"), version });
  const client = await connectAdmin({ port: proxysql.adminPort });
  expect(recorded.length).toBe(56);
  for (const { sql, ...answer } of recorded) {
    const actual = await client.ask(sql);
    expect({ sql, ...comparable(sql, actual) }).toEqual({ sql, ...comparable(sql, answer) });
  }
  client.close();
}

/** Without what differs by run: paths, ports, checksums, uptime, and the patch level of a version. */
function comparable(sql: string, answer: AdminAnswer): AdminAnswer {
  if (!("rows" in answer)) return answer;
  const rows = answer.rows.map((row) => row.map((value) => (value === null ? null : hideLocal(value))));
  if (sql.includes("ProxySQL_Uptime")) {
    return { columns: answer.columns, rows: rows.map(([name]) => [name ?? null]) };
  }
  return { columns: answer.columns, rows };
}

function hideLocal(value: string): string {
  return value
    .replace(/^\/.*\/(proxysql(_stats)?\.db)$/, "<datadir>/$1")
    .replace(/^(127\.0\.0\.1|0\.0\.0\.0):\d+$/, "<interface>")
    .replace(/^0x(?!0{16})[0-9A-F]{15,16}$/, "<checksum>");
}
