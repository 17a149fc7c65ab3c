import { describe, expect, it, onTestFinished } from "vitest";
import type { PeerLink } from "../peer/link.js";
import type { RoleNews } from "../peer/link-types.js";
import type { PeerStatus } from "../peer/peer-status.js";
import { KnownError } from "../platform/errors.js";
import { createLogger } from "../platform/log.js";
import type { Lineage } from "../role/lineage.js";
import { PeerBoard } from "./peer-board.js";

/** A peer behind a link that is up or not, and whose answers come when the test lets them. */
function world() {
  const said = {
    state: "up" as "up" | "down",
    announced: [] as RoleNews[],
    announcing: async (): Promise<boolean> => true,
    asked: 0,
    nudged: 0,
    report: { role: "BACKUP", leads: null, running: null } as unknown,
    latest: null as Lineage | null,
    answer: async (): Promise<void> => {},
    lines: [] as string[],
  };
  const upListeners: (() => void)[] = [];
  const status = async (): Promise<PeerStatus> => {
    said.asked += 1;
    await said.answer();
    return {
      node: "b",
      version: "1",
      agent: "up",
      report: said.report as never,
      latest: said.latest,
      freeBytes: 1,
      now: 0,
    };
  };
  const link = {
    name: "b",
    get view() {
      return { state: said.state, failures: 0 };
    },
    onUp: (listener: () => void) => void upListeners.push(listener),
    waitUp: async () => said.state === "up",
    nudge: () => {
      said.nudged += 1;
    },
    status,
    latest: async () => ({ lineage: said.latest, ancestry: [], shared: "c" }),
    announce: async (news: RoleNews) => {
      said.announced.push(news);
      return said.announcing();
    },
  } as unknown as PeerLink;
  const log = createLogger("debug", { write: (line) => void said.lines.push(line) });
  const board = new PeerBoard(new Map([["b", link]]), log);
  const up = (): void => {
    said.state = "up";
    for (const listener of upListeners) listener();
  };
  return { board, said, up };
}

describe("our own role", () => {
  it("is told to a peer at once when it changes, and not at every look", () => {
    const { board, said } = world();
    board.sawRole("BACKUP", null);
    board.sawRole("BACKUP", null);
    board.sawRole("MASTER", 7);
    board.sawRole("MASTER", 8);

    expect(said.announced).toEqual([
      { role: "BACKUP", leads: null },
      { role: "MASTER", leads: 7 },
    ]);
    expect(board.ownRole).toBe("MASTER");
  });

  it("is told to a peer that was away when its link is up, and not before it is known", () => {
    const { board, said, up } = world();
    up();
    said.state = "down";
    board.sawRole("MASTER", 7);
    expect(said.announced).toEqual([]);
    up();

    expect(said.announced).toEqual([{ role: "MASTER", leads: 7 }]);
  });

  it.each([
    ["does not know the question", async () => false],
    [
      "breaks off",
      async () => {
        throw new KnownError("peer-unreachable", "gone");
      },
    ],
  ])("that cannot be told to a peer that %s is a line for debugging, no more", async (_, announcing) => {
    const { board, said } = world();
    said.announcing = announcing;
    board.sawRole("MASTER", 7);
    await expect.poll(() => said.lines).toHaveLength(1);

    expect(said.lines[0]).toContain('"level":"debug"');
  });
});

describe("a hint about a peer", () => {
  it("asks it at once, also one whose link was resting", async () => {
    const { board, said } = world();
    await board.askOnHint("b");

    expect([said.asked, said.nudged]).toEqual([1, 1]);
    expect(board.roleOf("b")).toBe("BACKUP");
    await board.askOnHint("nobody");
  });

  it("asks once more for all that come while it is asked, because its answer may be older than they are", async () => {
    const { board, said } = world();
    let release = (): void => {};
    said.answer = () => new Promise((resolve) => (release = resolve));
    onTestFinished(() => release());
    const asked = board.askOnHint("b");
    for (let n = 0; n < 20; n += 1) await board.askOnHint("b");
    expect(said.asked).toBe(1);
    said.report = { role: "MASTER", leads: 7, running: null };
    said.answer = async () => {};
    release();
    await asked;

    expect(said.asked).toBe(2);
    expect(board.roleOf("b")).toBe("MASTER");
  });

  it("leaves the next one its turn after a question that failed", async () => {
    const { board, said } = world();
    said.answer = async () => {
      throw new KnownError("deadline", "late");
    };
    await board.askOnHint("b");
    expect(board.roleOf("b")).toBe("unknown");
    said.answer = async () => {};
    await board.askOnHint("b");

    expect(board.roleOf("b")).toBe("BACKUP");
  });
});

describe("who listens to news of a peer", () => {
  it("hears of each answer, of each failure, and of our own change of role", async () => {
    const { board, said } = world();
    const heard: string[] = [];
    board.onNews((name) => void heard.push(`${name} ${board.roleOf(name)} ${board.ownRole}`));
    await board.ask("b");
    said.answer = async () => {
      throw new KnownError("deadline", "late");
    };
    await board.ask("b");
    board.sawRole("MASTER", 7);

    expect(heard).toEqual(["b BACKUP unknown", "b unknown unknown", "b unknown MASTER"]);
  });

  it("does not end the asking by its own failure", async () => {
    const { board, said } = world();
    const heard: string[] = [];
    board.onNews(() => {
      throw new Error("a bug");
    });
    board.onNews((name) => void heard.push(name));
    await board.ask("b");

    expect(heard).toEqual(["b"]);
    expect(said.lines.join()).toContain("a listener to a peer's answers failed");
  });
});

it("tells whether a peer says that it is fit to be MASTER", async () => {
  const { board, said } = world();
  const ready = (): unknown => board.views()[0]?.ready;
  expect(ready()).toBeNull();
  for (const value of [true, false, undefined, "yes"]) {
    said.report = { role: "BACKUP", leads: null, running: null, ready: value };
    await board.ask("b");
    expect(ready()).toBe(typeof value === "boolean" ? value : null);
  }
});

describe("a snapshot of a peer's that could not be fetched", () => {
  it("is not come back to at the next answer, a newer one and a new role's are", async () => {
    const { board, said } = world();
    const offered = (): number | undefined => board.views()[0]?.best?.lineage.sequence;
    said.latest = { epoch: 5, sequence: 9, node: "b" };
    await board.ask("b");
    expect(offered()).toBe(9);
    board.dismiss("b", said.latest);
    await board.ask("b");
    expect(offered()).toBeUndefined();

    said.latest = { epoch: 5, sequence: 10, node: "b" };
    await board.ask("b");
    expect(offered()).toBe(10);
    board.dismiss("b", said.latest);
    board.forgetAnswers();
    await board.ask("b");
    expect(offered()).toBe(10);
  });
});
