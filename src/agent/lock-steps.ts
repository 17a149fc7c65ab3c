import { randomUUID } from "node:crypto";
import { z } from "zod";
import type { Config } from "../config/schema.js";
import type { Journal } from "../journal/journal.js";
import { LockKeeper } from "../lock/keeper.js";
import { openLock } from "../lock/open.js";
import { errorFields, inBackground } from "../platform/background.js";
import { monotonic, sleep } from "../platform/clock.js";
import type { Logger } from "../platform/log.js";
import type { AgentContext } from "./context.js";
import type { Observer } from "./observer.js";
import { stopProxysql } from "./proxysql-steps.js";

/** A node that gives its role away gives the lock back as soon as it sees itself without the role. */
const handOverMs = 3_000;
/** One that says MASTER still may not have looked at CARP since. */
const staleMasterMs = 500;
const askAgainMs = 100;

/** The keeper of the configured lock, not yet started; null without one. `changed` is called when it is gained or lost. */
export async function makeKeeper(
  config: Config,
  journal: Journal,
  log: Logger,
  changed: (lost: string | null) => void,
): Promise<LockKeeper | null> {
  const service = await openLock({
    ...config.lock,
    node: config.node.name,
    peers: config.peer.map(({ name }) => name),
  });
  if (service === undefined) return null;
  return new LockKeeper({
    service,
    ttlMs: config.lock.ttl,
    node: config.node.name,
    owner: ownerOf(journal),
    log,
    onGained: () => changed(null),
    onLost: (why) => changed(why),
  });
}

/** By this a restarted agent knows its own lock; two nodes of one name do not take each other's for it. */
function ownerOf(journal: Journal): string {
  const kept = z.string().safeParse(journal.read("lock-owner")).data;
  if (kept !== undefined) return kept;
  const owner = randomUUID();
  journal.write({ "lock-owner": owner });
  return owner;
}

/**
 * Asks for the lock. That somebody else has it, or that it cannot be asked, is no error: the plan goes by what is held.
 * Only a holder that says over the link that it is not MASTER, or gives its role to this node, is waited for: as long as
 * ProxySQL runs here, clients may already arrive.
 */
export async function acquireLock(
  { lock, board, config }: AgentContext,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (lock === null) return undefined;
  const began = monotonic();
  let state = await lock.acquire();
  while (!state.held && state.holder !== null && !signal.aborted) {
    const { holder } = state;
    await board.ask(holder);
    const peer = board.views().find(({ name }) => name === holder);
    const isPassive = peer?.role === "BACKUP" || peer?.role === "INIT";
    const gives = isPassive || board.givesTo(holder, config.node.name);
    if (!peer?.reachable || monotonic() - began > (gives ? handOverMs : staleMasterMs)) break;
    await sleep(askAgainMs, signal);
    state = await lock.acquire();
  }
  if (state.held) return "held";
  return `not held: ${state.problem ?? (state.holder === null ? "nobody has it yet" : `${state.holder} has it`)}`;
}

export async function releaseLock({ lock }: AgentContext): Promise<string | undefined> {
  if (lock === null) return undefined;
  const { problem } = await lock.release();
  return problem === null ? "given back" : `it runs out by itself, and is tried again: ${problem}`;
}

/**
 * The lock is gone, and another node may have it when its ttl is over: ProxySQL is stopped here and now, beside whatever
 * the plan is doing, which might hang. The rest (the address, the reason) is the plan's. In maintenance ProxySQL is the
 * operator's, and is left alone.
 */
export function cutOff(node: AgentContext, observer: Observer, why: string): void {
  const { log, journal, maintenance, config } = node;
  const isServing = observer.carp.role === "MASTER" || observer.carp.role === "unknown";
  journal.addNote("lock-lost", { why, role: observer.carp.role });
  if (!isServing) return;
  const view = maintenance.view();
  if (view !== null && !view.forcePromotion) {
    log.error({ why }, "the lock is lost in maintenance: ProxySQL is left as it is");
    return;
  }
  log.error({ why, service: config.proxysql.service }, "the lock is lost: ProxySQL is stopped");
  const stopped = stopProxysql(node, observer).catch((error: unknown) => {
    log.error(errorFields(error), "ProxySQL could not be stopped at once: the plan tries again");
  });
  inBackground(log, "stopping ProxySQL without the lock", stopped);
}
