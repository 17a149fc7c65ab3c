import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createLogger } from "../platform/log.js";
import type { NodeRole } from "../role/carp-role.js";
import type { Lineage } from "../role/lineage.js";
import type { PeerView } from "../role/observed.js";
import { BothMasters } from "./both-masters.js";

const ours: Lineage = { epoch: 6, sequence: 2, node: "a" };
const theirs: Lineage = { epoch: 7, sequence: 1, node: "b" };

/** A board that says what the test says, a journal in memory, and the clock in the test's hand. */
function world(kept?: unknown) {
  const listeners: ((name: string) => void)[] = [];
  const notes: [string, unknown][] = [];
  const said = {
    own: "MASTER" as NodeRole,
    peer: "MASTER" as NodeRole,
    state: kept,
    asked: 0,
    lines: [] as string[],
  };
  const peer = (): PeerView => ({
    name: "b",
    asked: true,
    reachable: said.peer !== "unknown",
    role: said.peer,
    best: null,
    running: said.peer === "unknown" ? null : theirs,
    ready: null,
  });
  const tell = (): void => {
    for (const listener of listeners) listener("b");
  };
  const watch = new BothMasters({
    board: {
      get ownRole() {
        return said.own;
      },
      views: () => [peer()],
      onNews: (listener) => void listeners.push(listener),
      askOnHint: async () => {
        said.asked += 1;
        tell();
      },
    },
    journal: {
      read: () => said.state,
      write: (values) => {
        said.state = values["both-master"];
      },
      addNote: (kind, detail) => void notes.push([kind, detail]),
    },
    log: createLogger("info", { write: (line) => void said.lines.push(line) }),
    running: () => ours,
  });
  return { said, notes, tell, watch };
}

/** Long enough for the second look. */
const confirmed = (): Promise<unknown> => vi.advanceTimersByTimeAsync(1_000);

describe("both nodes MASTER", () => {
  afterEach(() => void vi.useRealTimers());

  it("is noted once, with both lineages, when a second look shows it still", async () => {
    vi.useFakeTimers();
    const { said, notes, tell } = world();
    tell();
    expect(notes).toEqual([]);
    await confirmed();
    tell();
    await confirmed();

    expect(notes).toEqual([["both-master", { peer: "b", ours: "6.2@a", theirs: "7.1@b" }]]);
    expect(said.asked).toBe(1);
    expect(said.lines.filter((line) => line.includes('"level":"error"'))).toHaveLength(1);
  });

  it("is confirmed within two heartbeats after it was first seen", async () => {
    vi.useFakeTimers();
    const { notes, tell } = world();
    tell();
    await vi.advanceTimersByTimeAsync(500);

    expect(notes).toHaveLength(1);
  });

  it.each([["BACKUP"], ["INIT"], ["unknown"]] as const)(
    "for the moment of a failover, until the other one is %s, is not noted",
    async (role) => {
      vi.useFakeTimers();
      const { said, notes, tell } = world();
      tell();
      await vi.advanceTimersByTimeAsync(100);
      tell();
      await vi.advanceTimersByTimeAsync(100);
      said.peer = role;
      tell();
      await confirmed();

      expect(notes).toEqual([]);
    },
  );

  it.each([
    ["own", "BACKUP"],
    ["own", "INIT"],
    ["peer", "BACKUP"],
    ["peer", "INIT"],
  ] as const)("has ended when the %s role is %s, and is told with how long it was", async (whose, role) => {
    vi.useFakeTimers();
    const { said, notes, tell } = world();
    tell();
    await confirmed();
    await vi.advanceTimersByTimeAsync(5_000);
    said[whose] = role;
    tell();
    tell();

    expect(notes.slice(1)).toEqual([
      ["both-master-ended", { peer: "b", ours: "6.2@a", theirs: "7.1@b", ms: expect.any(Number) }],
    ]);
    expect((notes[1]?.[1] as { ms: number } | undefined)?.ms).toBeGreaterThanOrEqual(5_000);
    expect(said.state).toEqual({});
  });

  it("has not ended because the other one cannot be asked, or our own role cannot be read", async () => {
    vi.useFakeTimers();
    const { said, notes, tell } = world();
    tell();
    await confirmed();
    said.peer = "unknown";
    tell();
    said.peer = "MASTER";
    said.own = "unknown";
    tell();
    said.own = "MASTER";
    tell();
    await confirmed();

    expect(notes).toHaveLength(1);
  });

  it("is told neither again nor never by an agent that was restarted in between", async () => {
    vi.useFakeTimers();
    const first = world();
    first.tell();
    await confirmed();
    first.watch.stop();
    const second = world(JSON.parse(JSON.stringify(first.said.state)));
    second.tell();
    await confirmed();
    expect(second.notes).toEqual([]);
    second.said.peer = "BACKUP";
    second.tell();

    expect(second.notes.map(([kind]) => kind)).toEqual(["both-master-ended"]);
  });

  it("is not looked for any more after the stop", async () => {
    const { said, tell, watch } = world();
    tell();
    watch.stop();
    await sleep(400);

    expect(said.asked).toBe(0);
  });
});
