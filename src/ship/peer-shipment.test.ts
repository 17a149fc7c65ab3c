import { describe, expect, it, onTestFinished, vi } from "vitest";
import type { PeerLink } from "../peer/link.js";
import { KnownError } from "../platform/errors.js";
import { createLogger } from "../platform/log.js";
import type { Lineage } from "../role/lineage.js";
import type { Manifest } from "../snapshot/manifest.js";
import { PeerShipment } from "./peer-shipment.js";
import type { ShipperDeps } from "./shipper.js";

const manifest = { id: "0000000006-0000000002-a" } as Manifest;
const held = "held: both nodes are MASTER";

/** A peer that takes what it is sent, unless the test says otherwise. */
function world() {
  const said = {
    peerIsMaster: false,
    linkState: "up",
    upSince: 1,
    puts: [] as string[],
    put: async (): Promise<"stored"> => "stored",
    records: [] as string[],
    lookedAt: 0,
    lookedInto: [] as string[],
    lines: [] as string[],
  };
  const link = {
    get view() {
      return { state: said.linkState, since: said.upSince };
    },
    put: async (_: string, { id }: Manifest) => {
      said.puts.push(id);
      return said.put();
    },
  } as unknown as PeerLink;
  const deps = {
    store: { list: async () => [{ id: manifest.id, dir: "/nowhere" }] },
    journal: { addSnapshot: ({ event }: { event: string }) => void said.records.push(event) },
    log: createLogger("debug", { write: (line) => void said.lines.push(line) }),
    onShipped: () => {},
    onOutranked: () => {
      said.lookedAt += 1;
    },
    peerIsMaster: () => said.peerIsMaster,
  } as unknown as ShipperDeps;
  const shipment = new PeerShipment("b", link, deps, (id) => said.lookedInto.push(id));
  onTestFinished(() => shipment.stop());
  return { said, shipment };
}

async function settled(): Promise<void> {
  for (let n = 0; n < 20; n += 1) await new Promise(setImmediate);
}

async function bothMaster(): Promise<never> {
  throw new KnownError("peer-refused", "Both are MASTER.", { cause: "both-master" });
}

describe("a snapshot for a peer that is MASTER too", () => {
  it("is held and said to be, and goes out at once when the peer is not MASTER any more", async () => {
    const { said, shipment } = world();
    said.peerIsMaster = true;
    shipment.offer(manifest);
    shipment.wake();
    shipment.release();
    await settled();
    expect(said.puts).toEqual([]);
    expect([shipment.pending, shipment.error]).toEqual([manifest.id, held]);

    said.peerIsMaster = false;
    shipment.release();
    await expect.poll(() => shipment.pending).toBeUndefined();
    expect([said.puts, shipment.error]).toEqual([[manifest.id], undefined]);
    expect(said.records).toEqual(["shipped"]);
  });

  it("and that refuses it for that, is tried again soon: the peer may be losing the role", async () => {
    const { said, shipment } = world();
    said.put = async () => {
      said.put = async () => "stored";
      return bothMaster();
    };
    shipment.offer(manifest);
    await expect.poll(() => said.puts.length).toBe(1);
    expect(shipment.error).toBe(held);

    await expect.poll(() => shipment.pending, { timeout: 5_000 }).toBeUndefined();
    expect(said.lookedAt).toBe(1);
    expect(said.records).toEqual(["shipped"]);
    expect(said.lines.join()).not.toMatch(/"level":"(warn|error)"/);
  });

  it("and that refuses it for that, is not tried again while it says so itself", async () => {
    const { said, shipment } = world();
    said.put = () => {
      said.peerIsMaster = true;
      return bothMaster();
    };
    shipment.offer(manifest);
    await expect.poll(() => said.puts.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 600));
    expect(said.puts).toHaveLength(1);
    expect([shipment.pending, shipment.error]).toEqual([manifest.id, held]);
  });

  it("is not tried over and over by a peer that answers one thing and says another", async () => {
    const { said, shipment } = world();
    said.put = bothMaster;
    shipment.offer(manifest);
    const news = setInterval(() => shipment.release(), 5);
    onTestFinished(() => clearInterval(news));
    await new Promise((resolve) => setTimeout(resolve, 1_000));

    expect(said.puts.length).toBeGreaterThan(1);
    expect(said.puts.length).toBeLessThan(6);
  });
});

it("a pause after a snapshot's own fault is not cut short by news of the peer", async () => {
  const { said, shipment } = world();
  said.put = async () => {
    throw new KnownError("peer-refused", "It is damaged.", { cause: "integrity" });
  };
  shipment.offer(manifest);
  await expect.poll(() => said.records).toEqual(["refused-by-peer"]);
  shipment.release();
  await settled();

  expect(said.puts).toHaveLength(1);
  expect(shipment.error).toBe("It is damaged.");
  expect(said.lookedInto).toEqual([manifest.id]);
});

describe("a peer that is asked every few seconds what it holds", () => {
  const at = (sequence: number): Lineage => ({ epoch: 6, sequence, node: "a" });

  it("gives no reason to try again before the pause is over, unless it holds something else or was away", async () => {
    const { said, shipment } = world();
    said.put = async () => {
      throw new KnownError("peer-refused", "It is damaged.", { cause: "integrity" });
    };
    shipment.offer(manifest);
    await expect.poll(() => said.records).toEqual(["refused-by-peer"]);
    await settled();

    expect([shipment.hears(at(1)), shipment.hears(at(1))]).toEqual([false, false]);
    expect([shipment.hears(null), shipment.hears(null)]).toEqual([true, false]);
    said.upSince = 2;
    expect([shipment.hears(null), shipment.hears(null)]).toEqual([true, false]);
    vi.spyOn(performance, "now").mockReturnValue(performance.now() + 300_001);
    onTestFinished(() => void vi.restoreAllMocks());
    expect(shipment.hears(null)).toBe(true);
  });

  it("is believed at once when it lacks what it had taken", async () => {
    const { said, shipment } = world();
    shipment.hears(at(1));
    shipment.offer(manifest);
    await expect.poll(() => said.records).toEqual(["shipped"]);
    expect(shipment.hears(at(1))).toBe(true);
  });
});
