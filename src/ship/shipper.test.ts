import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { PeerLink } from "../peer/link.js";
import { KnownError } from "../platform/errors.js";
import { createLogger } from "../platform/log.js";
import type { Lineage } from "../role/lineage.js";
import { packInto } from "../snapshot/pack.js";
import { openStore } from "../snapshot/store.js";
import { fixture, manifestFor, scratch } from "../snapshot/test-fixtures.js";
import { Shipper, type ShipperDeps } from "./shipper.js";

const ours: Lineage = { epoch: 6, sequence: 2, node: "a" };
const before: Lineage = { ...ours, sequence: 1 };

/** A node that leads epoch 6 and runs a snapshot that its peer refuses; `take` is called for each one it wants to take. */
async function leader(take: () => void = () => {}) {
  const store = openStore(join(scratch(), "state"));
  const shop = fixture("2.7.1-shop");
  const manifest = await manifestFor(shop, ours);
  const dir = await store.prepare("outbox");
  await packInto(dir, { database: shop, tls: [] }, manifest);
  await store.admit(dir, manifest, "outbox");
  const said = { puts: 0, upSince: 1 };
  const link = {
    get view() {
      return { state: "up", since: said.upSince };
    },
    warm: async () => {},
    put: async () => {
      said.puts += 1;
      throw new KnownError("peer-refused", "It would drop a table.", { cause: "definitions-differ" });
    },
  } as unknown as PeerLink;
  const deps = {
    config: { snapshots: { schedule: "0 0 1 1 *", on_change: false } },
    // The first snapshot of the epoch is there: nothing more is to be taken.
    configLock: { run: async () => take() },
    state: { running: { lineage: ours }, leads: 6 },
    store,
    links: new Map([["b", link]]),
    journal: { addSnapshot: () => {}, addNote: () => {} },
    log: createLogger("debug", { write: () => {} }),
    peerIsMaster: () => false,
  } as unknown as ShipperDeps;
  const shipper = new Shipper(deps);
  shipper.enable(6);
  onTestFinished(() => shipper.stop());
  return { shipper, said };
}

it("does not send again and again what a peer refuses, however often that one says that it lacks it", async () => {
  const { shipper, said } = await leader();
  const rested = async (): Promise<void> => {
    for (let n = 0; n < 20; n += 1) await new Promise(setImmediate);
  };
  await shipper.peerAnswered("b", before);
  await expect.poll(() => shipper.shipmentTo("b")?.error).toBe("It would drop a table.");
  for (let n = 0; n < 5; n += 1) {
    await shipper.peerAnswered("b", before);
    await rested();
  }
  expect(said.puts).toBe(1);

  await shipper.peerAnswered("b", null);
  await expect.poll(() => said.puts).toBe(2);
  said.upSince = 2;
  await rested();
  await shipper.peerAnswered("b", null);
  await expect.poll(() => said.puts).toBe(3);
});

it("takes a snapshot again soon after it could not: the next change may be hours away", async () => {
  let takes = 0;
  await leader(() => {
    takes += 1;
    if (takes < 3) throw new KnownError("deadline", "ProxySQL's admin did not answer.");
  });
  await expect.poll(() => takes, { timeout: 15_000 }).toBe(3);
});
