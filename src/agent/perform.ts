import { sleep } from "../platform/clock.js";
import { formatLineage } from "../role/lineage.js";
import type { Step } from "../role/step.js";
import {
  applySnapshot,
  fenceBeforeStart,
  fetchSnapshot,
  installSnapshot,
  putBack,
  rejectSnapshot,
} from "./configuration-steps.js";
import type { AgentContext } from "./context.js";
import { acquireLock, releaseLock } from "./lock-steps.js";
import type { Observer } from "./observer.js";
import {
  drainClients,
  haltProxysql,
  hushScheduler,
  pauseClients,
  proveProxysql,
  resumeClients,
  runScheduler,
  startProxysql,
  stopProxysql,
} from "./proxysql-steps.js";
import { endRestore } from "./restore.js";
import { addShare, settleShare, stepAside, takeShareBack } from "./share-steps.js";

/**
 * Performs one step. Resolves with a detail for the journal, rejects with the error that ended it. Every step bounds
 * its own time, and one that waits gives up early when `signal` says that the role changed meanwhile.
 */
export async function performStep(
  step: Step,
  node: AgentContext,
  observer: Observer,
  signal: AbortSignal,
): Promise<string | undefined> {
  switch (step.kind) {
    case "ask-peers":
      return describePeers(await node.board.askAll().then(() => node.board.views()));
    case "settle":
      return sleep(step.ms, signal).then(() => undefined);
    case "acquire-lock":
      return acquireLock(node, signal);
    case "release-lock":
      return releaseLock(node);
    case "knock":
      return node.shooting.knock(step.peer);
    case "shoot":
      return node.shooting.shoot(step.peer, signal);
    case "fetch":
      return fetchSnapshot(node, step.peer, step.ranked);
    case "install":
      return installSnapshot(node, step.ranked, step.reportLoss);
    case "apply":
      return applySnapshot(node, step.ranked, step.reportLoss);
    case "put-back":
      return putBack(node);
    case "reject":
      return rejectSnapshot(node, step.ranked);
    case "start":
      await fenceBeforeStart(node);
      return startProxysql(node, observer, signal);
    case "prove":
      return proveProxysql(node, observer, signal);
    case "resume":
      return resumeClients(node, observer);
    case "pause":
      return pauseClients(node);
    case "drain":
      return drainClients(node, signal);
    case "stop":
      return stopProxysql(node, observer);
    case "halt":
      return haltProxysql(node, observer);
    case "settle-share":
      return settleShare(node);
    case "demote":
      return addShare(node, step.why);
    case "take-back":
      return takeShareBack(node);
    case "yield":
      return stepAside(node, observer);
    case "run-scheduler":
      return runScheduler(node);
    case "hush-scheduler":
      return hushScheduler(node);
    case "open-epoch":
      return openEpoch(node, step.above);
    case "end-restore":
      return endRestore(node);
    case "report-divergence":
      return reportDivergence(node, step);
    case "ship":
      return ship(node);
    case "release":
      return release(node);
    case "purge":
      return purge(node);
  }
}

function describePeers(views: ReturnType<AgentContext["board"]["views"]>): string {
  return views
    .map(({ name, reachable, best }) => {
      if (!reachable) return `${name} unreachable`;
      return best === null ? `${name} has nothing` : `${name} has ${formatLineage(best.lineage)}`;
    })
    .join(", ");
}

async function openEpoch(
  { state, config, shipper, journal, log, configLock, shooting }: AgentContext,
  above: number,
): Promise<string> {
  return configLock.run(async () => {
    const base = state.running?.lineage ?? null;
    if (base === null) {
      journal.addNote("promoted-without-snapshot", { node: config.node.name });
      log.warn({ node: config.node.name }, "promoted without a snapshot: ProxySQL serves what this node had");
    }
    const epoch = state.openEpoch(config.node.name, above);
    shipper.enable(epoch);
    shooting.promoted();
    return `epoch ${epoch} on ${base === null ? "nothing of ours" : formatLineage(base)}`;
  });
}

/** The other side changed things that this side's configuration has not: kept in both stores, and said. */
async function reportDivergence(
  { state, journal, log, divergence }: AgentContext,
  step: Extract<Step, { kind: "report-divergence" }>,
): Promise<string> {
  const ours = state.running === null ? "nothing" : formatLineage(state.running.lineage);
  const theirs = formatLineage(step.theirs.lineage);
  divergence.rival(step.peer, step.theirs.lineage);
  journal.addNote("divergence", { peer: step.peer, ours, theirs, live: ours });
  log.error(
    { peer: step.peer, ours, theirs },
    "configurations diverged: both nodes changed theirs; ours stays live",
  );
  return `${step.peer} has ${theirs}, we have ${ours}; ours stays live`;
}

/** After a restart of the agent in the middle of an epoch that is still ours. */
async function ship({ state, shipper }: AgentContext): Promise<string | undefined> {
  if (state.leads === null) return undefined;
  shipper.enable(state.leads);
  return `epoch ${state.leads} goes on`;
}

/** What was changed in the last second goes into a last snapshot: it stays here, in the line of what we led. */
async function release({ state, shipper }: AgentContext): Promise<string> {
  const epoch = state.leads;
  const last = await shipper.takeLast();
  state.release();
  return last === undefined ? `epoch ${epoch}` : `epoch ${epoch}, last snapshot ${last}`;
}

async function purge({ store, config }: AgentContext): Promise<string> {
  const { keep } = config.snapshots;
  const removed = (await store.purge("inbox", keep)).length + (await store.purge("outbox", keep)).length;
  return `${removed} removed`;
}
