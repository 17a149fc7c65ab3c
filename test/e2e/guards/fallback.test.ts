import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, it } from "vitest";
import { demotionOf, share, waitForDemotion, waitForReason, waitForRole } from "../../support/host/guards.js";
import { adminQuery, carpRole, type Host, killHost, startHost } from "../../support/host/host.js";
import { hostOf, shopDatabase, startAll } from "../../support/host/netns.js";
import {
  newestHeld,
  patience,
  statusOf,
  waitUntilLeading,
  waitUntilStandingBy,
} from "../../support/host/pair.js";
import { describeHosts } from "../../support/host/suite.js";
import { waitFor } from "../../support/host/wait.js";
import { usesRealProxysql } from "../../support/proxysql.js";

const shop = "db1.example db2.example db3.example";
const reason = usesRealProxysql ? " (skipped with PROXYSQL_BIN: only the stand-in can be poisoned)" : "";
/** A poisoned start is seen as failed after this long. */
const more = { proxysql: 'start_timeout = "4s"\nrestarts = 0', carp: 'hold = "1s"\nmoves_per_hour = 1000' };

/**
 * Saves a configuration that ProxySQL does not live with, as the active node's next snapshot. It does not run there, so
 * nothing is seen of it.
 */
async function poison(host: Host, kind: string, name: string): Promise<string> {
  const before = newestHeld(host);
  await adminQuery(
    host,
    `INSERT INTO mysql_servers (hostgroup_id, hostname, comment) VALUES (20, '${name}', 'standin:${kind}')`,
  );
  await adminQuery(host, "SAVE MYSQL SERVERS TO DISK");
  return waitFor(
    `${host.name} takes a snapshot of it`,
    () => newestHeld(host) !== before && newestHeld(host),
    patience,
  );
}

/** The shop's database, with a row that ends every start. */
function poisonDatabase(file: string): void {
  copyFileSync(shopDatabase, file);
  const db = new Database(file);
  db.exec(
    "INSERT INTO mysql_servers (hostgroup_id, hostname, comment) VALUES (20, 'bad.example', 'standin:die')",
  );
  db.close();
}

describe.skipIf(usesRealProxysql).each(["warm", "cold"] as const)(`a %s pair${reason}`, (standby) => {
  describeHosts("whose newest snapshot ProxySQL does not live with", (makeLab) => {
    let active: Host;
    let passive: Host;

    beforeAll(async () => {
      const lab = makeLab({ standby, databases: [shopDatabase], more });
      active = hostOf(lab, "a");
      passive = hostOf(lab, "b");
      await startAll(lab);
      await waitUntilLeading(active, shop);
      await waitUntilStandingBy(passive, active, shop);
    });

    it.each([["die"], ["deaf"], ["lose"]])("falls back to the one before: standin:%s", async (kind) => {
      const newest = await poison(active, kind, `${kind}.example`);
      await waitFor("it is shipped", () => newestHeld(passive) === newest, patience);
      killHost(active);
      const status = await waitUntilLeading(passive, shop);
      expect(status.doubts.length).toBeGreaterThan(0);
      await waitForReason(passive, "snapshot-doubted");
      await startHost(active);
      await waitUntilStandingBy(active, passive, shop);
      [active, passive] = [passive, active];
    });
  });
});

describe.skipIf(usesRealProxysql)(`a cold node to which every snapshot is deadly${reason}`, () => {
  describeHosts("and which had a configuration of its own", (makeLab) => {
    it("serves that one", async () => {
      const { a, b } = await makeDeadly(makeLab, shopDatabase);
      killHost(a);
      await waitUntilLeading(b, shop);
      expect(statusOf(b).doubts.length).toBeGreaterThan(0);
      expect(demotionOf(b)).toBe(0);
    });
  });

  describeHosts("and which has nothing else that works", (makeLab) => {
    it("gives the address away as soon as somebody can take it", async () => {
      const { a, b } = await makeDeadly(makeLab, undefined);
      killHost(a);
      await waitForRole(b, "MASTER");
      await waitForReason(b, "proxysql-down");
      expect([carpRole(b), demotionOf(b)]).toEqual(["MASTER", 0]);
      await startHost(a);
      await waitUntilLeading(a, `bad.example ${shop}`);
      await waitForDemotion(b, share);
    });
  });
});

/**
 * a lives with a configuration that kills every other ProxySQL, and has shipped it; b has its own database, or by
 * default the same deadly one.
 */
async function makeDeadly(
  makeLab: Parameters<Parameters<typeof describeHosts>[1]>[0],
  own: string | undefined,
): Promise<{ a: Host; b: Host }> {
  const directory = mkdtempSync(join(tmpdir(), "poisoned-"));
  const deadly = join(directory, "proxysql.db");
  try {
    poisonDatabase(deadly);
    const lab = makeLab({ standby: "cold", databases: [deadly, own ?? deadly], immune: ["a"], more });
    const [a, b] = [hostOf(lab, "a"), hostOf(lab, "b")];
    await startAll(lab);
    await waitUntilLeading(a, `bad.example ${shop}`);
    await waitUntilStandingBy(b, a, "");
    return { a, b };
  } finally {
    rmSync(directory, { recursive: true });
  }
}
