import { once } from "node:events";
import { copyFileSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openStore } from "../../../src/snapshot/store.js";
import { fixture, scratch } from "../../../src/snapshot/test-fixtures.js";
import { verifyUnpacked } from "../../../src/snapshot/verify.js";
import { compileSources, runModule } from "./compiled.js";

/** Takes and purges snapshots as fast as it can, each of a changed database. */
const script = `
import Database from "better-sqlite3";
import { openStore } from "./snapshot/store.js";
import { takeSnapshot } from "./snapshot/take.js";
const [, , state, datadir] = process.argv;
const store = openStore(state);
let sequence = ((await store.latest())?.manifest.lineage.sequence ?? 0) + 1;
process.stdout.write("begin\\n");
for (;; sequence += 1) {
  const db = new Database(datadir + "/proxysql.db");
  db.exec("UPDATE mysql_servers SET weight = " + sequence);
  db.close();
  const lineage = { epoch: 1, sequence, node: "a" };
  await takeSnapshot({ via: null, datadir, staging: state + "/staging", store, lineage, ancestry: [], proxysqlVersion: null });
  await store.purge("outbox", 3);
}
`;

let compiled: ReturnType<typeof compileSources>;
beforeAll(() => {
  compiled = compileSources();
});
afterAll(() => compiled.remove());

it("leaves only whole snapshots when it is killed, ever greater ones, and no litter after a sweep", async () => {
  const [state, datadir] = [scratch(), scratch()];
  copyFileSync(fixture("2.7.1-shop"), join(datadir, "proxysql.db"));
  const store = openStore(state);
  let greatest = 0;
  let litter = 0;

  // On a busy machine a process takes a snapshot or two in the time it is given: then it is given more.
  for (let round = 0; round < 12 || (greatest <= 3 && round < 60); round += 1) {
    const child = runModule(compiled.dir, script, state, datadir);
    const ended = once(child, "close");
    if (child.stdout) await once(child.stdout, "data");
    await sleep(10 + round * 11);
    child.kill("SIGKILL");
    await ended;

    const all = await store.list();
    for (const { id } of all) {
      const to = scratch();
      const manifest = await store.unpack(id, to);
      expect(await verifyUnpacked(to, manifest), id).toMatchObject({ ok: true });
    }
    const last = all.at(-1)?.lineage.sequence ?? 0;
    expect(last).toBeGreaterThanOrEqual(greatest);
    greatest = last;
    litter += (await store.sweep()).length;
    if (existsSync(join(state, "outbox"))) {
      expect(readdirSync(join(state, "outbox")).sort()).toEqual(all.map(({ id }) => id));
    }
  }

  expect(greatest).toBeGreaterThan(3);
  expect(litter).toBeGreaterThan(0);
});
