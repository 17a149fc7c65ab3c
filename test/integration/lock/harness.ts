import { LockKeeper, type LockState } from "../../../src/lock/keeper.js";
import { type LockOptions, openLock } from "../../../src/lock/open.js";
import { createLogger } from "../../../src/platform/log.js";
import { waitFor } from "../../support/host/wait.js";

/** One node's client of the lock, in this process; times are of the monotonic clock, ms. */
export interface Client {
  readonly keeper: LockKeeper;
  readonly state: LockState;
  /** When it lost what it held, and why. */
  readonly losses: readonly { readonly at: number; readonly why: string }[];
  readonly lines: readonly string[];
  held(what?: string): Promise<number>;
  lost(): Promise<number>;
}

export async function clientOf(
  node: string,
  options: Pick<LockOptions, "kind" | "endpoints"> & Partial<LockOptions>,
  owner = `owner of ${node}`,
): Promise<Client> {
  const peers = ["a", "b"].filter((name) => name !== node);
  const settings = { ttl: 5_000, peers, ...options, node };
  const service = await openLock(settings);
  if (service === undefined) throw new Error("no kind");
  const losses: { at: number; why: string }[] = [];
  const lines: string[] = [];
  const keeper = new LockKeeper({
    service,
    ttlMs: settings.ttl,
    node,
    owner,
    log: createLogger("debug", { write: (line) => void lines.push(line) }),
    onGained: () => undefined,
    onLost: (why) => void losses.push({ at: performance.now(), why }),
  });
  keeper.start();
  const until = async (what: string, condition: () => boolean): Promise<number> => {
    await waitFor(
      what,
      () => condition() || Promise.reject(new Error(JSON.stringify(keeper.state))),
      45_000,
      5,
    );
    return performance.now();
  };
  return {
    keeper,
    get state() {
      return keeper.state;
    },
    losses,
    lines,
    held: () => until(`${node} holds the lock`, () => keeper.state.held),
    lost: () => until(`${node} has lost the lock`, () => !keeper.state.held),
  };
}
