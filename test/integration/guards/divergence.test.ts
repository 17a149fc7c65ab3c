import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { DivergenceReports, type DivergenceTimings } from "../../../src/agent/divergence.js";
import type { DivergenceDocument } from "../../../src/agent/divergence-file.js";
import type { PeerLink } from "../../../src/peer/link-types.js";
import { createLogger } from "../../../src/platform/log.js";
import type { NodeRole } from "../../../src/role/carp-role.js";
import type { EpochOpening, Lineage, Ranked } from "../../../src/role/lineage.js";
import { rankOf } from "../../../src/ship/node-state.js";
import { Staging } from "../../../src/ship/staging.js";
import { writeManifest } from "../../../src/snapshot/manifest-file.js";
import { packedDatabaseName } from "../../../src/snapshot/pack.js";
import { sealed } from "../../../src/snapshot/seal.js";
import {
  builtIn,
  connect,
  type Host,
  inboxNames,
  makeHost,
  type Shot,
  snapshotAt,
  startFront,
  waitFor,
} from "../peer/harness.js";

const add = (name: string): string =>
  `INSERT INTO mysql_servers (hostgroup_id, hostname, port) VALUES (77, '${name}', 3306)`;

/** How `node` opened an epoch on top of a snapshot. */
function opening(epoch: number, node: string, { manifest }: Shot): EpochOpening[] {
  return [{ epoch, node, base: manifest.lineage, baseContent: manifest.shared }, ...manifest.ancestry];
}

interface Pair {
  readonly a: Host;
  readonly b: Host;
  readonly link: PeerLink;
  /** What both had, what a made of it, and what b made of it. */
  readonly base: Shot;
  readonly ours: Shot;
  readonly theirs: Shot;
}

/** Two nodes with snapshots of two lines that parted at 1.1@a, and a link from a to b. */
async function parted(): Promise<Pair> {
  const [a, b] = [makeHost("a"), makeHost("b")];
  const link = await connect(a, b, await startFront(builtIn, b, a.clientKey));
  const base = await snapshotAt(a, { epoch: 1 }, [add("base")]);
  await link.put(base.stored.dir, base.manifest);
  const ours = await snapshotAt(a, { epoch: 1, sequence: 2 }, [add("base"), add("from-a")]);
  const theirs = await snapshotAt(b, { epoch: 2 }, [add("from-b")], opening(2, "b", base));
  return { a, b, link, base, ours, theirs };
}

/** What a journal keeps, without one. */
class Memory {
  readonly notes: { kind: string; detail: Record<string, unknown> }[] = [];
  readonly kept = new Map<string, unknown>();

  read(name: string): unknown {
    return this.kept.get(name);
  }

  write(values: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(values))
      this.kept.set(name, JSON.parse(JSON.stringify(value)));
  }

  addNote(kind: string, detail: unknown): void {
    this.notes.push({ kind, detail: detail as Record<string, unknown> });
  }
}

/** The part of an agent on `host` that reports, and what it would know of its peer. */
function reporting(host: Host, running: Ranked, link: PeerLink | undefined, memory = new Memory()) {
  const peer = {
    role: "BACKUP" as NodeRole,
    running: null as Lineage | null,
    leads: null as number | null,
    questions: 0,
  };
  const listeners: ((name: string) => void)[] = [];
  const lines: string[] = [];
  const own = { running, leads: 1 as number | null };
  const name = host.node === "a" ? "b" : "a";
  function make(timings: Partial<DivergenceTimings> = {}): DivergenceReports {
    const made = new DivergenceReports({
      config: { node: { name: host.node, state_dir: host.stateDir, run_dir: host.runDir } },
      journal: memory,
      log: createLogger("debug", { write: (line) => void lines.push(line) }),
      state: own,
      store: host.store,
      staging: new Staging(join(host.stateDir, "staging"), async () => ({ uid: 0, gid: 0 })),
      links: new Map(link === undefined ? [] : [[name, link]]),
      board: {
        ask: async () => {
          peer.questions += 1;
        },
        describe: () => ({ status: { report: { ...peer } } as never, ageMs: 0, error: null }),
        views: () => [
          {
            name,
            asked: true,
            reachable: true,
            best: null,
            ready: null,
            role: peer.role,
            running: peer.running,
          },
        ],
        onNews: (listener) => void listeners.push(listener),
      },
      timings: { retryAfterMs: [], afterInstallMs: 0, ...timings },
    });
    onTestFinished(() => made.stop());
    return made;
  }
  const news = (): void => {
    for (const listener of listeners) listener(name);
  };
  return { make, peer, own, news, memory, lines };
}

function filesOf(host: Host): string[] {
  const dir = join(host.stateDir, "divergence");
  return existsSync(dir)
    ? readdirSync(dir)
        .filter((name) => !name.startsWith("."))
        .sort()
    : [];
}

async function reportOf(host: Host): Promise<DivergenceDocument> {
  const name = await waitFor("a report", () => filesOf(host)[0]);
  return JSON.parse(readFileSync(join(host.stateDir, "divergence", name), "utf8")) as DivergenceDocument;
}

describe("the report of a divergence", () => {
  it("is made by the node that is live, from the other one's last snapshot, which comes into no box", async () => {
    const { a, link, ours, theirs } = await parted();
    const { make, memory, lines } = reporting(a, rankOf(ours.manifest), link);
    make().rival("b", theirs.manifest.lineage);
    const report = await reportOf(a);

    expect(report).toMatchObject({
      schema: "proxysql-carp/divergence/v1",
      node: "a",
      peer: "b",
      live: "ours",
      ours: { text: "1.2@a" },
      theirs: { text: "2.1@b" },
      base: { text: "1.1@a" },
      parted: { text: "1.1@a" },
    });
    expect(JSON.stringify(report.changes)).toContain("from-a");
    expect(JSON.stringify(report.changes)).toContain("from-b");
    await waitFor("the note", () => memory.notes.length > 0);
    expect(memory.notes).toEqual([
      {
        kind: "divergence-report",
        detail: expect.objectContaining({ live: "ours", ours: "1.2@a", theirs: "2.1@b", base: "1.1@a" }),
      },
    ]);
    expect(lines.filter((line) => line.includes('"level":"error"'))).toHaveLength(1);
    expect(statSync(String(memory.notes[0]?.detail.path)).mode & 0o777).toBe(0o600);
    expect(inboxNames(a)).toEqual([]);
    expect((await a.store.list()).map(({ id }) => id)).not.toContain(theirs.manifest.id);
    await waitFor("nothing is left", () => readdirSync(join(a.stateDir, "staging")).length === 0);
  });

  it("is made by the node that is not live from what it has, without asking anybody", async () => {
    const { b, theirs, base } = await parted();
    const live = await snapshotAt(
      b,
      { epoch: 3, node: "a" },
      [add("base"), add("from-a")],
      opening(3, "a", base),
    );
    const { make } = reporting(b, rankOf(theirs.manifest), undefined);
    make().superseded(theirs.manifest.lineage, live.manifest.lineage);

    expect(await reportOf(b)).toMatchObject({
      node: "b",
      peer: "a",
      live: "theirs",
      ours: { text: "2.1@b" },
      theirs: { text: "3.1@a" },
      base: { text: "1.1@a" },
    });
  });

  it("waits for the last snapshot of a node that is still giving the role up", async () => {
    const { a, b, link, ours, theirs, base } = await parted();
    const { make, peer } = reporting(a, rankOf(ours.manifest), link);
    peer.leads = 2;
    make().rival("b", theirs.manifest.lineage);
    await waitFor("the peer was asked", () => peer.questions > 0);
    await snapshotAt(b, { epoch: 2, sequence: 2 }, [add("from-b"), add("last")], opening(2, "b", base));
    peer.leads = null;
    const report = await reportOf(a);

    expect(report.theirs.text).toBe("2.2@b");
    expect(JSON.stringify(report.changes)).toContain("last");
  });

  it("gets the common base from the peer if it is gone here, and says so if it is gone there too", async () => {
    const { a, b, link, ours, theirs, base } = await parted();
    const first = reporting(a, rankOf(ours.manifest), link);
    rmSync(base.stored.dir, { recursive: true });
    first.make().rival("b", theirs.manifest.lineage);
    expect(await reportOf(a)).toMatchObject({ base: { text: "1.1@a" } });
    expect((await a.store.list()).map(({ id }) => id)).toEqual([ours.manifest.id]);

    rmSync(join(a.stateDir, "divergence"), { recursive: true });
    rmSync(join(b.stateDir, "inbox", base.manifest.id), { recursive: true });
    reporting(a, rankOf(ours.manifest), link).make().rival("b", theirs.manifest.lineage);
    expect(await reportOf(a)).toMatchObject({ base: null, parted: { text: "1.1@a" } });
  });

  it("is made once for all that is heard of the same line", async () => {
    const { a, link, ours, theirs } = await parted();
    const { make, memory } = reporting(a, rankOf(ours.manifest), link);
    const reports = make();
    for (let n = 0; n < 5; n += 1) reports.rival("b", { ...theirs.manifest.lineage, sequence: n });
    await waitFor("the note", () => memory.notes.length > 0);
    reports.rival("b", theirs.manifest.lineage);
    make().rival("b", theirs.manifest.lineage);
    await new Promise((resolve) => setTimeout(resolve, 500));

    expect(filesOf(a)).toHaveLength(1);
    expect(memory.notes).toHaveLength(1);
  });

  it("is made when a passive peer of a lower line is heard of, about which the plan has nothing to do", async () => {
    const { b, theirs, ours, a } = await parted();
    const toA = await connect(b, a, await startFront(builtIn, a, b.clientKey));
    const { make, peer, news, own } = reporting(b, rankOf(theirs.manifest), toA);
    make();
    peer.running = ours.manifest.lineage;
    for (const [role, leads] of [
      ["MASTER", 2],
      ["unknown", 2],
      ["BACKUP", null],
    ] as const) {
      peer.role = role;
      own.leads = leads;
      news();
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(peer.questions).toBe(0);
    own.leads = 2;
    news();

    expect(await reportOf(b)).toMatchObject({
      live: "ours",
      ours: { text: "2.1@b" },
      theirs: { text: "1.2@a" },
    });
  });

  it("is not made where nothing is lost", async () => {
    const { a, b, link, ours, base } = await parted();
    const { make, memory } = reporting(a, rankOf(ours.manifest), link);
    const idle = await snapshotAt(b, { epoch: 4 }, [add("base")], opening(4, "b", base));
    make().rival("b", idle.manifest.lineage);
    await waitFor(
      "it is done",
      () => (memory.kept.get("divergence") as { done: string[] }).done.length === 1,
    );

    expect(filesOf(a)).toEqual([]);
    expect(memory.notes).toEqual([]);
  });

  it("is tried again after a failure", async () => {
    const { a, link, ours, theirs } = await parted();
    const { make, lines } = reporting(a, rankOf(ours.manifest), link);
    const dir = join(a.stateDir, "divergence");
    writeFileSync(dir, "in the way");
    make({ retryAfterMs: [100, 100, 100, 100, 100, 100] }).rival("b", theirs.manifest.lineage);
    await waitFor("it failed", () => lines.some((line) => line.includes("could not be reported yet")));
    rmSync(dir);

    expect(await reportOf(a)).toMatchObject({ live: "ours" });
  });

  it("that cannot be made is said, and has hurt nobody", async () => {
    const { a, link, ours, theirs } = await parted();
    const { make, memory, lines } = reporting(a, rankOf(ours.manifest), link);
    rmSync(theirs.stored.dir, { recursive: true });
    mkdirSync(theirs.stored.dir);
    make().rival("b", theirs.manifest.lineage);
    await waitFor("the note", () => memory.notes.length > 0);

    expect(memory.notes[0]).toMatchObject({ kind: "divergence-not-reported", detail: { peer: "b" } });
    expect(lines.join()).toContain("a divergence could not be reported row by row");
    expect(filesOf(a)).toEqual([]);
  });

  it("is not made from a snapshot that is not what its manifest says", async () => {
    const { a, link, ours, theirs, base } = await parted();
    const { make, memory } = reporting(a, rankOf(ours.manifest), link);
    cpSync(join(base.stored.dir, packedDatabaseName), join(theirs.stored.dir, packedDatabaseName));
    await writeManifest(theirs.stored.dir, sealed({ ...theirs.manifest, packed: base.manifest.packed }));
    make().rival("b", theirs.manifest.lineage);
    await waitFor("the note", () => memory.notes.length > 0);

    expect(memory.notes[0]?.kind).toBe("divergence-not-reported");
    expect(filesOf(a)).toEqual([]);
  });

  it("that was cut off is taken up by the next start", async () => {
    const { a, link, ours, theirs } = await parted();
    const { make, memory, peer } = reporting(a, rankOf(ours.manifest), link);
    peer.leads = 2;
    const first = make();
    first.rival("b", theirs.manifest.lineage);
    await first.stop();
    expect(filesOf(a)).toEqual([]);

    peer.leads = null;
    reporting(a, rankOf(ours.manifest), link, memory).make().start();
    expect(await reportOf(a)).toMatchObject({ live: "ours", theirs: { text: "2.1@b" } });
  });
});
