import { formatDuration } from "../platform/duration.js";
import type { DivergenceFacts, Facts, PeerFacts } from "./facts.js";
import type { Finding } from "./reason.js";

/** A new node gets its first snapshot within seconds. */
const firstSnapshotMs = 15_000;
/** A ProxySQL that is just being restarted can fail one attempt; the next change or the schedule makes another. */
const takeErrorMs = 10_000;
/** A change of the files is shipped and applied within seconds. */
const tlsMs = 60_000;
/** Both hosts are upgraded one after the other; a node learns its new definitions at its next start. */
const definitionsMs = 30_000;

/** Reasons about the snapshots: there are none, they are old, bad, or not what they should be. */
export function findSnapshots(facts: Facts): Finding[] {
  return [
    ...noSnapshot(facts),
    ...tooOld(facts),
    ...notTaken(facts),
    ...newestDoubted(facts),
    ...doubted(facts),
    ...drillFailed(facts),
    ...quarantine(facts),
    ...definitionsDiffer(facts),
    ...tlsDiffer(facts),
    ...divergence(facts),
  ];
}

function noSnapshot({ node, snapshots, names }: Facts): Finding[] {
  const { usable, doubts, noneForMs, leads } = snapshots;
  if (usable > 0 || noneForMs < firstSnapshotMs) return [];
  const failed =
    doubts.length === 0
      ? ""
      : `: ProxySQL failed on ${doubts.length === 1 ? "the one" : `all ${doubts.length}`}`;
  return [
    {
      code: "no-verified-snapshot",
      about: null,
      sentence: `Node ${node} has no verified snapshot that it could start from${failed}.`,
      todo: leads
        ? `Look into the agent's log for "no snapshot could be taken", and whether ${names.stateDir} can be written.`
        : "Run `proxysql-carp status` on the active node: its lines for this peer say why nothing arrives.",
    },
  ];
}

function tooOld({ node, snapshots, peers }: Facts): Finding[] {
  const { lacking, maxAgeMs } = snapshots;
  const findings: Finding[] = peers.flatMap(({ name, lacking: theirs }) =>
    theirs === null || theirs.forMs < maxAgeMs
      ? []
      : [
          {
            code: "snapshot-too-old",
            about: name,
            sentence: `Peer ${name} holds ${theirs.holds ?? "nothing"}; this node runs ${theirs.runs}, and the peer has lacked that for ${formatDuration(theirs.forMs)}.`,
            todo: `Run \`proxysql-carp status\`: the line of peer ${name} says why ${theirs.runs} does not get there.`,
          },
        ],
  );
  if (lacking !== null && lacking.forMs >= maxAgeMs) {
    findings.push({
      code: "snapshot-too-old",
      about: null,
      sentence: `Node ${node} holds ${lacking.holds ?? "nothing"}; ${lacking.of} runs ${lacking.runs}, and this node has lacked that for ${formatDuration(lacking.forMs)}.`,
      todo: `Run \`proxysql-carp status\` on ${lacking.of}: its line for peer ${node} says why nothing arrives here.`,
    });
  }
  return findings;
}

function notTaken({ snapshots }: Facts): Finding[] {
  const { leads, takeError, takeErrorForMs } = snapshots;
  if (!leads || takeError === null || takeErrorForMs < takeErrorMs) return [];
  return [
    {
      code: "snapshot-not-taken",
      about: null,
      sentence: `The last change is in no snapshot, a failover would lose it: ${takeError}`,
      todo: "Mend what the sentence names; the next try is made at the next change and by [snapshots] schedule. If a table was emptied on purpose: `proxysql-carp snapshot take --accept`.",
    },
  ];
}

function newestDoubted({ node, snapshots }: Facts): Finding[] {
  const { newestDoubted: found } = snapshots;
  if (found === null) return [];
  return [
    {
      code: "newest-doubted",
      about: null,
      sentence: `ProxySQL on ${node} failed on the newest snapshot here, ${found.newest}: a failover would serve ${found.usable}, which lacks what was changed since.`,
      todo: "Look at what the reason snapshot-doubted says it failed on, and save a configuration on the active node that ProxySQL lives with.",
    },
  ];
}

function doubted({ snapshots }: Facts): Finding[] {
  return snapshots.doubts.map(({ id, why, at }) => ({
    code: "snapshot-doubted",
    about: id,
    sentence: `ProxySQL failed on the verified snapshot ${id} at ${at}, so that an older one counts here: ${why}`,
    todo: `Run \`proxysql-carp snapshot verify ${id}\` and \`proxysql-carp snapshot diff ${id} live\`, and save a configuration on the active node that ProxySQL lives with.`,
  }));
}

function drillFailed({ node, snapshots }: Facts): Finding[] {
  const { drill } = snapshots;
  if (drill === null || drill.ok) return [];
  const what = drill.snapshot === null ? "no snapshot" : `snapshot ${drill.snapshot}`;
  return [
    {
      code: "drill-failed",
      about: null,
      sentence: `The last restore drill on ${node} failed at ${drill.at} with ${what}: ${drill.why ?? "no cause was told"}`,
      todo: "Mend what the sentence names, then run `proxysql-carp snapshot drill`: one that succeeds clears this.",
    },
  ];
}

function quarantine({ snapshots, names }: Facts): Finding[] {
  const { quarantine: refused } = snapshots;
  const newest = refused.at(-1);
  if (newest === undefined) return [];
  const count = refused.length === 1 ? "1 refused snapshot is" : `${refused.length} refused snapshots are`;
  const dir = `${names.stateDir}/quarantine`;
  return [
    {
      code: "quarantine-not-empty",
      about: null,
      sentence: `${count} in ${dir}, the newest ${newest}.`,
      todo: `Read ${dir}/${newest}/cause.json; when it is understood, remove the directory.`,
    },
  ];
}

function definitionsDiffer({ peers }: Facts): Finding[] {
  return peers
    .filter(({ definitionsDifferForMs }) => definitionsDifferForMs >= definitionsMs)
    .map(({ name, proxysqlVersions }) => ({
      code: "table-definitions-differ",
      about: name,
      sentence: `ProxySQL on ${name} defines its tables otherwise than here${versionsOf(proxysqlVersions)}: it would drop such a table at its start, so snapshots are refused.`,
      todo: `Compare \`proxysql --version\` on both nodes, and bring the older one to the other's version.`,
    }));
}

function versionsOf(versions: PeerFacts["proxysqlVersions"]): string {
  return versions === null ? "" : ` (${versions.theirs} there, ${versions.ours} here)`;
}

function tlsDiffer({ node, snapshots, peers, names }: Facts): Finding[] {
  const { missing, differsFrom, differForMs } = snapshots.tls;
  const findings: Finding[] = peers
    .filter(({ tlsDifferForMs }) => tlsDifferForMs >= tlsMs)
    .map(({ name }) => ({
      code: "tls-files-differ",
      about: name,
      sentence: `ProxySQL's TLS files on peer ${name} are not those of this active node: after a failover clients meet another certificate.`,
      todo: `On ${name}: run \`proxysql-carp status\`; if it holds the newest snapshot, copy proxysql-ca.pem, proxysql-cert.pem and proxysql-key.pem from here into its data directory and run PROXYSQL RELOAD TLS in its admin.`,
    }));
  if (missing.length > 0 && differForMs >= tlsMs) {
    findings.push({
      code: "tls-files-differ",
      about: node,
      sentence: `${names.datadir} has some of ProxySQL's TLS files but no ${missing.join(" and no ")}: ProxySQL does not start with less than all three, and they are in no snapshot.`,
      todo: `Put the missing file into ${names.datadir}, or move the others away; ProxySQL then makes new ones at its start.`,
    });
  } else if (differsFrom !== null && differForMs >= tlsMs) {
    findings.push({
      code: "tls-files-differ",
      about: node,
      sentence: `ProxySQL's TLS files on ${node} are not those of its newest snapshot, ${differsFrom}: after a failover clients meet another certificate.`,
      todo: `Copy proxysql-ca.pem, proxysql-cert.pem and proxysql-key.pem from the active node into ${names.datadir}, then run PROXYSQL RELOAD TLS in the admin at ${names.admin}.`,
    });
  }
  return findings;
}

function divergence({ snapshots, names }: Facts): Finding[] {
  const found = snapshots.divergence;
  if (found === null) return [];
  return [
    {
      code: "divergence",
      about: null,
      sentence: `${tellDivergence(found)} This is told for a day.`,
      todo: `${whereToLook(found, names.stateDir)} Make again on the active node what is missed.`,
    },
  ];
}

function tellDivergence({ kind, at, ours, theirs, live }: DivergenceFacts): string {
  const [here, there] = [ours ?? "what ran here", theirs ?? "the other node's"];
  switch (kind) {
    case "superseded-unshipped":
      return `At ${at} ${there} replaced ${here}, whose edits had never reached the other node and are not live.`;
    case "local-edit-replaced":
      return `At ${at} edits made on this passive node on top of ${here} were replaced by the active node's configuration.`;
    case "divergence":
    case "report": {
      const [winner, loser] = live === "theirs" ? [there, here] : [here, there];
      const outcome = live === null ? "" : `: ${winner} is live, the edits in ${loser} are not`;
      return `Both nodes had changed their configuration by ${at}${outcome}.`;
    }
  }
}

function whereToLook({ path, ours, theirs, live }: DivergenceFacts, stateDir: string): string {
  if (path !== null) return `Look at ${path}.`;
  const lost = live === "ours" ? theirs : ours;
  return lost === null
    ? `Look into ${stateDir}/divergence.`
    : `Look into ${stateDir}/divergence, or compare by \`proxysql-carp snapshot diff\` what ${lost} has with what is live.`;
}
