import type { Instance, OrchestratorView, Recovery, ServerKey } from "../orchestrator/types.js";
import type { Fence, FenceCause, Latch } from "./latch.js";
import { sameServer, serverName } from "./server.js";

/** What a server is to its cluster, as far as Orchestrator's leader can say now. */
export type KnownRole = "replica" | "master" | "unknown";

/** What Orchestrator's view says of one of ProxySQL's servers. */
export interface Verdict {
  /** As ProxySQL names it. */
  readonly server: ServerKey;
  /** Why nothing may be sent there; null if Orchestrator has nothing against it. */
  readonly cause: FenceCause | null;
  readonly role: KnownRole;
  /** The last recovery that replaced it, whatever it is now. */
  readonly recovery: string | null;
  /** False if Orchestrator has never heard of it; null if its instances were not asked for. */
  readonly known: boolean | null;
}

/**
 * Judges every server by one view. `toOrchestrator`: the name that Orchestrator has for it. `settled`: recoveries that say
 * nothing any more, for the server has been a working one since; a replica whose replication stops later on is no dead
 * primary. Pure.
 */
export function judge(
  servers: readonly ServerKey[],
  view: OrchestratorView,
  toOrchestrator: (server: ServerKey) => ServerKey,
  settled: Latch["settled"] = [],
): Verdict[] {
  const names = new Set(settled.map((one) => `${serverName(one)} ${one.recovery}`));
  const isSettled = (server: ServerKey, uid: string): boolean => names.has(`${serverName(server)} ${uid}`);
  const known = indexView(view);
  const downtimed = new Map(view.downtimed.map((one) => [serverName(one.key), one]));
  return servers.map((server) => {
    const key = toOrchestrator(server);
    const name = serverName(key);
    const instance = known.instances?.get(name) ?? downtimed.get(name);
    const role = roleOf(instance, known);
    const downtime = downtimed.get(name);
    const replaced = replacedBy(key, known);
    const counts = role === "unknown" && replaced !== undefined && !isSettled(server, replaced.uid);
    return {
      server,
      cause: counts ? replacedCause(replaced) : downtime === undefined ? null : downtimeCause(downtime),
      role,
      recovery: replaced?.uid ?? null,
      known: known.instances === null ? null : instance !== undefined,
    };
  });
}

/** A view by its names: thousands of servers are judged by it every second. */
interface ViewIndex {
  readonly instances: ReadonlyMap<string, Instance> | null;
  /** By cluster: those that look like its master. */
  readonly writers: ReadonlyMap<string, readonly Instance[]>;
  /** By server: the last recovery that it had a part in. */
  readonly recoveries: ReadonlyMap<string, Recovery>;
}

function indexView({ instances, recoveries }: OrchestratorView): ViewIndex {
  const writers = new Map<string, Instance[]>();
  for (const one of instances ?? []) {
    if ((one.master !== null && !one.coMaster) || !one.checkValid || one.readOnly) continue;
    const cluster = clusterOf(one);
    const others = writers.get(cluster);
    if (others === undefined) writers.set(cluster, [one]);
    else others.push(one);
  }
  return {
    instances: instances && new Map(instances.map((one) => [serverName(one.key), one])),
    writers,
    recoveries: lastOfEach(recoveries),
  };
}

function lastOfEach(recoveries: readonly Recovery[]): Map<string, Recovery> {
  const last = new Map<string, Recovery>();
  for (const recovery of recoveries) {
    const { failed, successor, successful, startedAt } = recovery;
    for (const key of successful && successor !== null ? [failed, successor] : [failed]) {
      const before = last.get(serverName(key));
      if (before === undefined || startedAt > before.startedAt) last.set(serverName(key), recovery);
    }
  }
  return last;
}

/** True if what a recovery means for one of these servers depends on their present role, which is only in the instances. */
export function needsInstances(
  servers: readonly ServerKey[],
  view: OrchestratorView,
  toOrchestrator: (server: ServerKey) => ServerKey,
): boolean {
  if (view.instances !== null) return false;
  const failed = new Set(view.recoveries.map((recovery) => serverName(recovery.failed)));
  return servers.some((server) => failed.has(serverName(toOrchestrator(server))));
}

/**
 * The last recovery that this server had a part in, if that replaced it. Orchestrator's own
 * downtime for that (`lost-in-recovery`) is known to the node alone that did the recovery, and ends by itself; the
 * audit of recoveries is the same on all of its nodes (go/logic/command_applier.go:68-73).
 */
function replacedBy(key: ServerKey, { recoveries }: ViewIndex): Recovery | undefined {
  const last = recoveries.get(serverName(key));
  if (!last?.successful || !sameServer(last.failed, key)) return undefined;
  return last.successor === null || sameServer(last.successor, key) ? undefined : last;
}

function replacedCause({ analysis, startedAt, successor }: Recovery): FenceCause {
  const detail = `${analysis} at ${startedAt}`;
  return { kind: "replaced", detail: detail.slice(0, 500), successor: successor && { ...successor } };
}

function downtimeCause({ downtimeReason, downtimeOwner, downtimeEnds }: Instance): FenceCause {
  const detail = `${downtimeReason} by ${downtimeOwner}, until ${downtimeEnds}`;
  return { kind: "downtime", detail: detail.slice(0, 500), successor: null };
}

/**
 * A replica is one whose two threads run. A master is one that Orchestrator sees alive, writable and without a master of
 * its own, alone as such in its cluster, and that no recovery has replaced, unless its successor replicates from it
 * again: once the leader has changed, Orchestrator itself calls a primary that came back the master (seen live).
 */
function roleOf(instance: Instance | undefined, known: ViewIndex): KnownRole {
  if (instance === undefined || known.instances === null || !instance.checkValid) return "unknown";
  if (instance.master !== null && !instance.coMaster) return instance.replicating ? "replica" : "unknown";
  if (instance.readOnly) return instance.coMaster && instance.replicating ? "replica" : "unknown";
  const name = serverName(instance.key);
  const rivals = (known.writers.get(clusterOf(instance)) ?? []).filter(({ key }) => serverName(key) !== name);
  if (rivals.length > 0) return isSuccessor(instance, rivals, known) ? "master" : "unknown";
  const last = known.recoveries.get(name);
  const wasReplaced = last?.successful === true && sameServer(last.failed, instance.key) && last.successor;
  if (!wasReplaced) return "master";
  return followsFrom(wasReplaced, instance.key, known.instances) ? "master" : "unknown";
}

/** Of two that both look like the master, the one that took the other's place is it. */
function isSuccessor(instance: Instance, rivals: readonly Instance[], { recoveries }: ViewIndex): boolean {
  return rivals.every((rival) => {
    const last = recoveries.get(serverName(rival.key));
    return (
      last?.successful === true &&
      sameServer(last.failed, rival.key) &&
      last.successor !== null &&
      sameServer(last.successor, instance.key)
    );
  });
}

/** Orchestrator's names of a cluster change with its master; an alias, where it has one, does not. */
function clusterOf({ alias, cluster }: Instance): string {
  return alias === "" ? cluster : alias;
}

/** True if `one` replicates from `from`, over however many others. */
function followsFrom(one: ServerKey, from: ServerKey, byName: NonNullable<ViewIndex["instances"]>): boolean {
  const seen = new Set<string>();
  for (let key: ServerKey | null = one; key !== null && !seen.has(serverName(key)); ) {
    if (sameServer(key, from)) return true;
    seen.add(serverName(key));
    const instance: Instance | undefined = byName.get(serverName(key));
    key = instance?.checkValid && instance.replicating ? instance.master : null;
  }
  return false;
}

/** What becomes of the fences by a view: which are to be held from now on, and which may be lifted, as what. */
export interface Judgement {
  readonly fences: readonly Fence[];
  readonly lifted: readonly { readonly server: ServerKey; readonly role: KnownRole }[];
  /** Servers that were pardoned and need it still: what they were fenced for goes on. */
  readonly pardoned: readonly ServerKey[];
  readonly settled: Latch["settled"];
}

/**
 * A fence is set when Orchestrator has something against a server, and stays when that is over until the server's role is
 * known again. Pure. `now`: ISO 8601.
 */
export function decide(
  latched: Pick<Latch, "fences" | "pardoned" | "settled">,
  verdicts: readonly Verdict[],
  now: string,
): Judgement {
  const pardoned = new Set(latched.pardoned.map(serverName));
  const judged = new Map(verdicts.map((verdict) => [serverName(verdict.server), verdict]));
  const fences: Fence[] = [];
  const lifted: { server: ServerKey; role: KnownRole }[] = [];
  for (const fence of latched.fences) {
    const verdict = judged.get(serverName(fence.server));
    // Gone from ProxySQL: there is nothing to keep out of use.
    if (verdict === undefined) continue;
    if (pardoned.has(serverName(fence.server))) lifted.push({ server: fence.server, role: verdict.role });
    else if (verdict.cause !== null) fences.push({ ...fence, cause: kept(fence.cause, verdict.cause) });
    else if (verdict.role === "unknown") fences.push(fence);
    else lifted.push({ server: fence.server, role: verdict.role });
  }
  const latchedNames = new Set(latched.fences.map((fence) => serverName(fence.server)));
  for (const { server, cause } of verdicts) {
    if (cause === null || latchedNames.has(serverName(server)) || pardoned.has(serverName(server))) continue;
    fences.push({ server: { ...server }, cause, since: now });
  }
  return {
    fences,
    lifted,
    pardoned: latched.pardoned.filter((one) => judged.get(serverName(one))?.cause),
    settled: settledBy(latched.settled, verdicts),
  };
}

/** Of each server the recovery that replaced it last is all that matters. */
function settledBy(before: Latch["settled"], verdicts: readonly Verdict[]): Latch["settled"] {
  return verdicts.flatMap(({ server, role, recovery }) => {
    if (recovery === null) return [];
    const known = before.some((one) => sameServer(one, server) && one.recovery === recovery);
    return known || role !== "unknown" ? [{ ...server, recovery }] : [];
  });
}

/** The newest word, but a successor that is known is not forgotten for one that is not. */
function kept(before: FenceCause, now: FenceCause): FenceCause {
  return now.successor === null && before.successor !== null ? { ...now, successor: before.successor } : now;
}
