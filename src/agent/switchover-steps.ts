import { askForRole } from "../carp/state.js";
import { inBackground } from "../platform/background.js";
import { monotonic, poll } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import { compareLineage, formatLineage } from "../role/lineage.js";
import { type PeerReport, readReport } from "../ship/peer-report.js";
import type { Progress } from "../switchover/progress.js";
import { mustStandAside } from "../switchover/stand-aside.js";
import type { SwitchoverStep } from "../switchover/steps.js";
import type { AgentContext } from "./context.js";
import type { Observer } from "./observer.js";
import { drainClients, pauseClients } from "./proxysql-steps.js";

/** What the steps of one switchover are performed with. */
export interface Giving {
  readonly node: AgentContext;
  readonly observer: Observer;
  readonly progress: Progress;
  /** The peer stands aside from an earlier switchover, and is to stop that. */
  readonly peerStandsAside: boolean;
  readonly hint: (cause: string) => void;
}

const askPeerEveryMs = 100;
const lookEveryMs = 20;

/** Performs one step within `ms`, and less if `signal` fires. Resolves with a detail for people. */
export async function giveStep(
  step: Exclude<SwitchoverStep, "check">,
  giving: Giving,
  ms: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  switch (step) {
    case "ship":
      return shipLast(giving, ms, signal);
    case "record":
      return record(giving);
    case "pause":
      giving.node.switchover.notePause();
      giving.progress.stopsServing();
      return pauseClients(giving.node);
    case "drain":
      return drainClients(giving.node, signal);
    case "demote":
      return demote(giving);
    case "move":
      return move(giving, ms, signal);
    case "prove":
      return prove(giving, ms, signal);
    case "settle":
      return settle(giving);
  }
}

/** What was changed a moment ago goes into a last snapshot, and the peer must have it: in warm standby, run it. */
async function shipLast({ node, progress }: Giving, ms: number, signal: AbortSignal): Promise<string> {
  const { state, board, shipper } = node;
  const { to } = progress;
  const taken = await shipper.takeNow();
  const lineage = state.running?.lineage;
  if (lineage === undefined) return "this node runs nothing of ours";
  const ours = formatLineage(lineage);
  const there = await poll(
    async () => {
      await board.ask(to);
      const report = reportOf(node, to);
      // Its sshd takes snapshots in without an agent, too; that one would not put them to use.
      if (report === null) return undefined;
      const best = board.views().find(({ name }) => name === to)?.best?.lineage ?? null;
      const has = report.standby === "warm" ? report.running : best;
      return has !== null && compareLineage(has, lineage) === 0 && has.node === lineage.node
        ? true
        : undefined;
    },
    ms,
    askPeerEveryMs,
    signal,
  );
  if (there) return taken === undefined ? `${ours}, unchanged` : `${ours}, taken now`;
  const why = shipper.shipmentTo(to)?.error;
  throw new KnownError(
    "deadline",
    `${to} did not come to have ${ours} within ${Math.round(ms)} ms${why === undefined ? "" : `: ${why}`}.`,
  );
}

function record({ node, progress }: Giving): undefined {
  const { id, from, to, startedAt } = progress;
  node.switchover.begin({ id, from, to, since: startedAt });
}

/** The peer first: a demoted master says so at once, and then not again for two seconds. */
async function demote({ node, progress, peerStandsAside }: Giving): Promise<string> {
  const { demotion, care } = node;
  if (peerStandsAside) await askTaker(node, progress, "step-in");
  await demotion.add("switchover");
  care.forgetSysctls();
  return `${demotion.share} added`;
}

/**
 * Until the peer is MASTER and this node is not. A peer that preempts takes over at the next advertisement. If it does
 * not (preemption is off there, or what we say does not reach it), its agent is asked to have CARP take the role, and at last
 * this node's CARP to step down: that sends no farewell, and costs the peer's whole wait.
 */
async function move(giving: Giving, ms: number, signal: AbortSignal): Promise<string> {
  const { node, observer, progress } = giving;
  const { board, log } = node;
  const began = monotonic();
  const advertMs = 1_000 * Math.max(1, ...observer.carp.vhids.map(({ advbase = 1 }) => advbase));
  // A peer that does not preempt waits for ever while a demoted master speaks.
  const claimAfterMs = reportOf(node, progress.to)?.preempt === false ? 0 : 2.5 * advertMs;
  const helps = [
    {
      afterMs: claimAfterMs,
      how: `asked ${progress.to} to claim it`,
      help: () => askTaker(node, progress, "claim"),
    },
    {
      afterMs: claimAfterMs + 2.5 * advertMs,
      how: "asked CARP here to step down",
      help: () => stepDown(observer),
    },
  ];
  const helped: string[] = [];
  let askedAt = Number.NEGATIVE_INFINITY;
  const moved = await poll(
    async () => {
      const { role } = await observer.lookAtCarp();
      // Where several peers stand by, CARP itself chooses.
      const taker = board.views().find((peer) => peer.reachable && peer.role === "MASTER")?.name;
      if (role !== "MASTER" && taker !== undefined) {
        progress.to = taker;
        return true;
      }
      if (monotonic() - askedAt > askPeerEveryMs) {
        askedAt = monotonic();
        inBackground(log, "asking the peers", board.askAll());
      }
      const next = helps[0];
      if (next !== undefined && monotonic() - began >= next.afterMs && role === "MASTER") {
        helps.shift();
        helped.push(next.how);
        await next.help().catch((error: unknown) => {
          if (!isKnown(error)) throw error;
          helped.push(error.message);
        });
      }
      return undefined;
    },
    ms,
    lookEveryMs,
    signal,
  );
  const how = helped.length === 0 ? "by demotion" : `by demotion alone it did not move: ${helped.join("; ")}`;
  if (moved) return how;
  throw new KnownError(
    "deadline",
    `${progress.to} did not become MASTER within ${Math.round(ms)} ms (${how}).`,
  );
}

async function stepDown(observer: Observer): Promise<void> {
  for (const { vhid, role } of observer.carp.vhids) if (role === "MASTER") await askForRole(vhid, "backup");
}

/** Until the new MASTER serves and has opened its epoch. */
async function prove({ node, progress }: Giving, ms: number, signal: AbortSignal): Promise<string> {
  const { to } = progress;
  let last = "it did not answer";
  const proven = await poll(
    async () => {
      await node.board.ask(to);
      const report = reportOf(node, to);
      if (report === null) return undefined;
      const serves = report.role === "MASTER" && report.proxysql?.serving === true;
      if (serves) progress.servesAgain();
      last = `it is ${report.role}, ${serves ? "serves" : "does not serve"}, ${report.leads === null ? "does not lead yet" : "leads"}`;
      return serves && report.leads !== null ? report.leads : undefined;
    },
    ms,
    askPeerEveryMs / 2,
    signal,
  );
  if (proven !== undefined) return `epoch ${proven}`;
  throw new KnownError("deadline", `${to} did not prove to serve within ${Math.round(ms)} ms: ${last}.`);
}

function settle({ node, observer, progress, hint }: Giving): string {
  const own = { vhids: observer.carp.vhids, preempt: node.care.view().preempt };
  const aside = mustStandAside(own, node.board.carpSides());
  progress.standsAside(aside);
  node.switchover.end();
  hint("the switchover is over");
  return aside
    ? "keeps its share of demotion: without it CARP would move the role back"
    : "takes its share of demotion back";
}

export function reportOf({ board }: AgentContext, peer: string): PeerReport | null {
  const { status, error } = board.describe(peer);
  return error === null ? readReport(status?.report) : null;
}

/** Whether the peer is through with its promotion, as it says now. */
export async function takerLeads({ node, progress }: Giving): Promise<boolean> {
  await node.board.ask(progress.to);
  const report = reportOf(node, progress.to);
  return report?.role === "MASTER" && report.proxysql?.serving === true && report.leads !== null;
}

/** Asks the peer's agent for its part. */
export async function askTaker(
  { links }: AgentContext,
  { id, to }: Pick<Progress, "id" | "to">,
  op: "claim" | "step-in" | "stand-aside",
): Promise<void> {
  const link = links.get(to);
  if (link === undefined) throw new KnownError("not-done", `There is no peer ${to}.`);
  const answer = await link.switchover({ op, id });
  if (answer.ok !== true)
    throw new KnownError("not-done", `${to} did not ${op}: ${sentenceOf(answer.error ?? "no cause given")}`);
}
