import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Mutex } from "../platform/mutex.js";
import type { Manifest } from "../snapshot/manifest.js";
import { packInto } from "../snapshot/pack.js";
import { openStore } from "../snapshot/store.js";
import { fixture, manifestFor, scratch } from "../snapshot/test-fixtures.js";
import type { AgentContext } from "./context.js";
import { Identifier } from "./identify.js";

const shop = fixture("2.7.1-shop");

it("finds a node's lineage again although a snapshot beside the one it runs is damaged", async () => {
  const dir = scratch();
  const [datadir, stateDir] = [join(dir, "proxysql"), join(dir, "state")];
  mkdirSync(datadir);
  copyFileSync(shop, join(datadir, "proxysql.db"));
  const store = openStore(stateDir);
  for (const sequence of [1, 2]) {
    const manifest = await manifestFor(shop, { epoch: 3, sequence, node: "a" });
    const box = await store.prepare("inbox");
    await packInto(box, { database: shop, tls: [] }, manifest);
    await store.admit(box, manifest, "inbox");
  }
  const [, newest] = await store.list();
  writeFileSync(join(newest?.dir ?? "", "manifest.json"), "{}");
  const held: string[] = [];
  const node = {
    state: { leads: null, running: null, mark: null, holds: ({ id }: Manifest) => void held.push(id) },
    config: { proxysql: { datadir } },
    configLock: new Mutex(),
    trial: { displaced: null, allows: () => true },
    log: { info: () => {} },
    store,
  } as unknown as AgentContext;

  expect(await new Identifier(node).identify(false)).toEqual({ drifted: false, foreign: false });
  expect(held).toEqual(["0000000003-0000000001-a"]);
});
