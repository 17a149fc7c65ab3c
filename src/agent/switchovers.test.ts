import { expect, it, vi } from "vitest";
import { Progress } from "../switchover/progress.js";
import type { SwitchoverParts } from "./switchover-run.js";
import { Switchovers } from "./switchovers.js";

const asked = { to: null, force: false, dryRun: false, timeoutMs: 30_000 };

/** A passive node whose active peer answers as `peer` does. */
function passive(peer: (ask: { op: string; id?: string }) => unknown): Switchovers {
  const node = {
    config: { node: { name: "b" } },
    board: { views: () => [{ name: "a", reachable: true, role: "MASTER" }] },
    links: new Map([
      ["a", { switchover: async (ask: { op: string }) => ({ ok: true, switchover: peer(ask) }) }],
    ]),
    switchover: { leftover: null },
  };
  const observer = { lookAtCarp: async () => ({ role: "BACKUP" }) };
  return new Switchovers({ node, observer } as unknown as SwitchoverParts);
}

it("follows the one that the peer performs for us, also after a second one was refused", async () => {
  const running = new Progress("00000001", "a", "b");
  const refused = new Progress("00000002", "a", "b");
  refused.over("refused", "One is under way already.");
  const answers = [running, refused];
  const switchovers = passive(({ op }) => (op === "give" ? answers.shift() : running)?.document());

  expect(await switchovers.start(asked)).toMatchObject({ id: "00000001", state: "running" });
  expect(await switchovers.start(asked)).toMatchObject({ id: "00000002", state: "refused" });
  expect(await switchovers.progress("00000001")).toMatchObject({ id: "00000001", state: "running" });
  expect(await switchovers.cancel("00000001")).toMatchObject({ id: "00000001" });
});

it("takes no document of a peer that cannot be shown", async () => {
  const switchovers = passive(() => ({ state: "\u001b[2J", steps: null }));
  await expect(switchovers.start(asked)).rejects.toThrow("in a form that is not known here");
});

it("lets the agent stop, or be reloaded, though what a switchover waits for hangs", async () => {
  vi.useFakeTimers();
  const log = { error: vi.fn() };
  const node = { config: { node: { name: "a" } }, switchover: { leftover: null }, log };
  const observer = { lookAtCarp: () => new Promise(() => {}) };
  const hanging = { board: { askAll: async () => {} }, care: { refreshSysctls: async () => {} } };
  const switchovers = new Switchovers({
    node: { ...node, ...hanging },
    observer,
  } as unknown as SwitchoverParts);
  switchovers.give(asked);

  const stopped = switchovers.stop();
  await vi.advanceTimersByTimeAsync(5_000);
  await stopped;
  expect(log.error).toHaveBeenCalledOnce();
  vi.useRealTimers();
});
