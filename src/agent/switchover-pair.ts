import { reasonKinds } from "../health/reason.js";
import type { ShareCause } from "../role/care.js";
import { readReport } from "../ship/peer-report.js";
import type { PairNow, TakingNode } from "../switchover/pair.js";
import type { AgentContext } from "./context.js";
import type { Observer } from "./observer.js";
import type { HealthWatch } from "./watch-health.js";

/** What a switchover is planned from: this node as it is now, the peers as they answer now. */
export async function lookAtPair(
  node: AgentContext,
  observer: Observer,
  health: Pick<HealthWatch, "reasons">,
  to: string | null,
): Promise<PairNow> {
  const { config, board, state, shipper, care, maintenance } = node;
  const [carp] = await Promise.all([observer.lookAtCarp(), board.askAll(), care.refreshSysctls()]);
  return {
    node: {
      name: config.node.name,
      role: carp.role,
      settled: state.leads !== null && shipper.epoch === state.leads,
      standby: config.carp.standby,
      vhids: carp.vhids.map(({ protocol = "carp", ...vhid }) => ({ ...vhid, protocol })),
      maintenance: maintenance.view() !== null,
      admin: observer.proxysql?.admin ?? false,
      reasons: health.reasons.map(({ code, severity, sentence, todo }) => ({
        code,
        severity,
        sentence,
        todo,
      })),
      preempt: care.view().preempt,
      busy: node.restore.isUnderWay ? `Node ${config.node.name} is restoring an older snapshot.` : null,
    },
    peers: [...node.links.keys()].map((name) => takingNode(node, name)),
    to,
  };
}

function takingNode({ board, links }: AgentContext, name: string): TakingNode {
  const { status, error } = board.describe(name);
  const report = error === null ? readReport(status?.report) : null;
  const down = links.get(name)?.view.lastError?.message;
  return {
    name,
    error: error ?? (status === null ? (down ?? "it has not answered yet") : null),
    agent: report !== null,
    role: report?.role ?? "unknown",
    ready: report?.ready ?? null,
    reasons: (report?.reasons ?? []).map((code) => ({ code, severity: severityOf(code) })),
    maintenance: report?.maintenance ?? false,
    preempt: report?.preempt ?? null,
    demotion: report?.demotion ? { ...report.demotion, why: causeOf(report.demotion.why) } : null,
    vhids: report?.vhids ?? null,
  };
}

/** A code of a newer version is not known here; it is told, and refuses nothing. */
function severityOf(code: string): "critical" | "warning" {
  return Object.hasOwn(reasonKinds, code)
    ? reasonKinds[code as keyof typeof reasonKinds].severity
    : "warning";
}

const causes: readonly string[] = [
  "unready",
  "given-away",
  "maintenance",
  "switchover",
  "no-lock",
] satisfies ShareCause[];

function causeOf(why: string | null | undefined): ShareCause | null {
  return why !== null && why !== undefined && causes.includes(why) ? (why as ShareCause) : null;
}
