import type { NodeData } from "./node-data.js";
import type { Key } from "./protocol.js";
import { analysisMould, clusterMould, type Row } from "./recorded.js";
import { parseDuration } from "./times.js";
import { nameOf, rowKey, type Server } from "./topology.js";
import type { World } from "./world.js";

export interface Reply {
  readonly status: number;
  /** undefined: an empty body. */
  readonly document: unknown;
}

const pageRows = 20;

/** A document as Orchestrator's handlers write it, without an envelope. */
export function plain(document: unknown, status = 200): Reply {
  return { status, document };
}

/** An error is 500 whatever it is about. */
export function failure(message: string): Reply {
  return { status: 500, document: { Code: "ERROR", Message: message, Details: null } };
}

function done(message: string, details: unknown): Reply {
  return { status: 200, document: { Code: "OK", Message: message, Details: details } };
}

/** Answers one request for data, from one node's database. `parts`: the path after /api/, decoded. */
export function answerData(world: World, data: NodeData, parts: readonly string[]): Reply {
  const [name = "", ...rest] = parts;
  const rows = (servers: readonly Server[]): Reply =>
    plain(servers.map((server) => data.row(world.topology, server)));
  const { servers } = world.topology;
  switch (name) {
    case "downtimed":
      return rows(servers.filter(({ key }) => data.isDowntimed(key)));
    case "all-instances":
      return rows(servers);
    case "masters":
      return rows(servers.filter(({ master }) => master === null));
    case "cluster":
      return rows(servers.filter((server) => belongs(world, server, rest.at(-1) ?? "")));
    case "instance": {
      const server = world.topology.find(keyOf(rest));
      return server === undefined
        ? failure(`Cannot read instance: ${nameOf(keyOf(rest))}`)
        : plain(data.row(world.topology, server));
    }
    case "master":
      return master(world, data, rest[0] ?? "");
    case "clusters-info":
      return plain(clusters(world, data));
    case "replication-analysis":
      return done("Analysis", analyses(world, data));
    case "audit-recovery":
      return plain(recoveries(data, rest));
    case "routed-leader-check":
      return plain("OK");
    default:
      return plain("404 page not found", 404);
  }
}

/** Carries out a request that changes something; undefined for a name that does not. */
export function answerWrite(world: World, parts: readonly string[]): Reply | undefined {
  const [name = "", ...rest] = parts;
  const key = keyOf(rest);
  if (name === "begin-downtime") return beginDowntime(world, key, rest.slice(2));
  if (name === "end-downtime") {
    world.endDowntime(key);
    return done(`Downtime ended: ${nameOf(key)}`, rowKey(key));
  }
  if (name !== "graceful-master-takeover" && name !== "graceful-master-takeover-auto") return undefined;
  const wanted = rest.length > 2 ? keyOf(rest.slice(1)) : undefined;
  const taken = world.takeOver(rest[0] ?? "", wanted, name.endsWith("-auto"));
  if (taken === undefined) return failure(refusedTakeover(rest[0] ?? "", wanted));
  return done("graceful-master-takeover: successor promoted", { SuccessorKey: rowKey(taken.successor) });
}

/** Two of the sentences that the real one has for it. */
function refusedTakeover(hint: string, wanted: Key | undefined): string {
  if (wanted === undefined) return `Unable to determine cluster name. clusterHint=${hint}`;
  return `GracefulMasterTakeover: indicated designated instance ${nameOf(wanted)} must be directly replicating from the master`;
}

function beginDowntime(world: World, key: Key, [owner = "", reason = "", duration]: string[]): Reply {
  if (owner === "" || reason === "") return failure("owner and reason are needed");
  const details = rowKey(key);
  // Said to be done, and nothing is written: a downtime without a duration has ended when it begins.
  if (duration === undefined) return done(`Downtime begun: ${nameOf(key)}`, details);
  const ms = parseDuration(duration);
  if (ms === undefined) return failure(`Cannot parse simple time: ${duration}`);
  const begins = Date.now();
  world.beginDowntime({ key, owner, reason, begins, ends: begins + ms });
  return done(`Downtime begun: ${nameOf(key)}`, details);
}

/** Orchestrator takes the first that nobody says is down: after its return, the old master. */
function master(world: World, data: NodeData, hint: string): Reply {
  const candidates = world.topology.servers.filter(
    (server) => server.master === null && belongs(world, server, hint) && !data.isDowntimed(server.key),
  );
  const found = candidates.find(({ alive }) => alive) ?? candidates[0];
  return found === undefined
    ? failure(`Unable to determine cluster name. clusterHint=${hint}`)
    : plain(data.row(world.topology, found));
}

function belongs(world: World, server: Server, hint: string): boolean {
  return (
    server.alias === hint || world.topology.row(server).ClusterName === hint || nameOf(server.key) === hint
  );
}

/** A cluster whose master is given up on keeps its name only. */
function clusters(world: World, data: NodeData): Row[] {
  const rows = world.topology.servers.map((server) => data.row(world.topology, server));
  return [...new Set(rows.map(({ ClusterName }) => ClusterName as string))].map((name) => {
    const members = rows.filter(({ ClusterName }) => ClusterName === name);
    const head = members.find(({ ReplicationDepth }) => ReplicationDepth === 0);
    return {
      ...clusterMould,
      ClusterName: name,
      ClusterAlias: head?.IsDowntimed === true ? name : head?.SuggestedClusterAlias,
      CountInstances: members.length,
    };
  });
}

/** One entry for each dead master, as recorded. */
function analyses(world: World, data: NodeData): Row[] {
  const dead = world.topology.servers.filter(({ alive, master }) => !alive && master === null);
  return dead.map((server) => {
    const name = nameOf(server.key);
    const downtime = data.row(world.topology, server);
    return {
      ...analysisMould,
      AnalyzedInstanceKey: rowKey(server.key),
      ClusterDetails: {
        ...(analysisMould.ClusterDetails as Row),
        ClusterName: name,
        ClusterAlias: name,
        ClusterDomain: name,
      },
      IsDowntimed: downtime.IsDowntimed,
      DowntimeEndTimestamp: downtime.DowntimeEndTimestamp,
    };
  });
}

/** audit-recovery[/alias/A|/cluster/N|/uid/U][/PAGE] */
function recoveries(data: NodeData, parts: readonly string[]): Row[] {
  const [by, value] = parts;
  const named = by === "alias" || by === "cluster" || by === "uid";
  const page = Number((named ? parts[2] : parts[0]) ?? 0);
  const rows = data.recoveries.filter((row) => {
    const { ClusterAlias, ClusterName } = (row.AnalysisEntry as Row).ClusterDetails as Row;
    if (!named) return true;
    return value === { alias: ClusterAlias, cluster: ClusterName, uid: row.UID }[by];
  });
  return rows.slice(page * pageRows, (page + 1) * pageRows);
}

function keyOf([host = "", port = ""]: readonly string[]): Key {
  return { host, port: Number(port) };
}
