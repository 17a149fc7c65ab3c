import type { CarpFacts, Lacking, PeerFacts } from "../health/facts.js";
import type { Lasting } from "../health/lasting.js";
import { otherVersion } from "../health/other-version.js";
import { skewLimitMs } from "../health/peer.js";
import { reasonKinds } from "../health/reason.js";
import type { PeerLink } from "../peer/link.js";
import { compareLineage, formatLineage, type Lineage } from "../role/lineage.js";
import { type PeerReport, readReport } from "../ship/peer-report.js";
import type { AgentContext } from "./context.js";
import type { OwnDigests } from "./own-digests.js";
import { version } from "./version.js";

/** A peer that is reachable is asked every two seconds: an answer older than this is none. */
const answerCountsMs = 10_000;
/** While a link has just broken, what its peer last said still counts. */
const breakMs = 5_000;
/** A peer's answer is about who is MASTER after our own role began, not about who was. */
const answerAfterMs = 500;
const skewBand = { enter: skewLimitMs, leave: 1_500 };

/** What this node is, as far as peers are compared with it. */
export interface OwnSide {
  readonly role: CarpFacts["role"];
  readonly masterForMs: number;
  readonly digests: OwnDigests;
  readonly proxysqlVersion: string | null;
}

/** What is known of one peer, and for how long it has been so. */
export function peerFacts(
  { board, state, links }: Pick<AgentContext, "board" | "state" | "links">,
  name: string,
  own: OwnSide,
  lasting: Lasting,
  now: number,
): PeerFacts {
  const view = (links.get(name) as PeerLink).view;
  const { status, ageMs } = board.describe(name);
  const report = readReport(status?.report);
  const isUp = view.state === "up";
  const unreachableForMs = lasting.look(`peer-unreachable ${name}`, !isUp, now, { leaveMs: 1_000 });
  const agentDown = status?.agent === "down" || (ageMs !== null && ageMs > answerCountsMs);
  const live = isUp && report !== null && !agentDown;
  /** True of a peer that can be asked; held while its link has only just broken; of one that is away it is not true. */
  const fast = (code: string, holds: boolean | undefined, reachable = live): number =>
    lasting.look(`${code} ${name}`, reachable ? holds : unreachableForMs < breakMs ? undefined : false, now);
  /** What does not change while nobody is looking. */
  const slow = (code: string, holds: boolean | undefined): number =>
    lasting.look(`${code} ${name}`, live ? holds : undefined, now);
  const lacking = behind({ name, state, board, lasting, now });
  const skewMs = isUp ? view.clockSkew : undefined;
  const versions = versionsOf(own, report, view.peerVersion ?? status?.version);

  return {
    name,
    error:
      isUp || view.lastError === undefined
        ? null
        : { code: view.lastError.code, sentence: view.lastError.message, hint: view.lastError.hint },
    unreachableForMs,
    agentDownForMs: fast("peer-agent-down", ageMs === null ? undefined : agentDown, isUp),
    role: report?.role ?? "unknown",
    live,
    notReadyForMs: fast("peer-not-ready", report?.ready === false || report?.maintenance === true),
    reasons: (report?.reasons ?? []).filter((code) => Object.hasOwn(reasonKinds, code)),
    maintenance: report?.maintenance === true,
    bothMasterForMs: fast(
      "both-master",
      own.role === "MASTER" &&
        report?.role === "MASTER" &&
        own.masterForMs - (ageMs ?? Number.POSITIVE_INFINITY) >= answerAfterMs,
    ),
    skewMs: skewMs ?? null,
    skewedForMs: lasting.band(
      `clock-skew ${name}`,
      skewMs === undefined ? undefined : Math.abs(skewMs) - (view.roundTrip ?? 0) / 2,
      now,
      skewBand,
    ),
    ...versions,
    mismatchForMs: slow(
      "version-mismatch",
      versions.agentVersions !== null || versions.proxysqlVersions !== null,
    ),
    definitionsDifferForMs: slow(
      "table-definitions-differ",
      differ(own.digests.definitions, report?.definitions),
    ),
    tlsDifferForMs: slow(
      "tls-files-differ",
      // While a snapshot is on its way the peer's files are those of the one before.
      state.leads === null ? false : lacking !== null ? undefined : tlsDiffer(own.digests.tls, report),
    ),
    vhids:
      report?.vhids?.map(({ vhid, advskew = null, advbase = null }) => ({ vhid, advskew, advbase })) ?? null,
    preempt: report?.preempt ?? null,
    lacking,
  };
}

/** What this node leads with and the peer, by its last answer, does not hold. */
function behind({
  name,
  state: { leads, running },
  board,
  lasting,
  now,
}: Pick<AgentContext, "state" | "board"> & { name: string; lasting: Lasting; now: number }): Lacking | null {
  const ours: Lineage | undefined = running?.lineage;
  const hasAnswered = board.describe(name).ageMs !== null;
  const best = board.views().find((peer) => peer.name === name)?.best?.lineage ?? null;
  const lacks =
    leads !== null &&
    ours !== undefined &&
    ours.sequence > 0 &&
    (best === null || compareLineage(best, ours) < 0);
  const forMs = lasting.look(`snapshot-too-old ${name}`, lacks && !hasAnswered ? undefined : lacks, now);
  if (forMs === 0 || ours === undefined) return null;
  return { of: name, runs: formatLineage(ours), holds: best === null ? null : formatLineage(best), forMs };
}

function versionsOf(
  own: OwnSide,
  report: PeerReport | null,
  agent: string | undefined,
): Pick<PeerFacts, "agentVersions" | "proxysqlVersions"> {
  const theirs = report?.proxysql?.version ?? null;
  return {
    agentVersions: otherVersion(version, agent ?? null),
    proxysqlVersions: otherVersion(own.proxysqlVersion, theirs),
  };
}

function differ(ours: string | null, theirs: string | null | undefined): boolean | undefined {
  return ours === null || theirs === null || theirs === undefined ? undefined : ours !== theirs;
}

function tlsDiffer(ours: string | null, report: PeerReport | null): boolean | undefined {
  return report?.tls === undefined ? undefined : ours !== report.tls;
}
