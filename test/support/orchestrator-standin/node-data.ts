import type { Key } from "./protocol.js";
import type { Row } from "./recorded.js";
import { backendText } from "./times.js";
import { nameOf, type Server, type Topology } from "./topology.js";

export interface Downtime {
  readonly key: Key;
  readonly owner: string;
  readonly reason: string;
  readonly begins: number;
  readonly ends: number;
}

/** What raft brings to every node. Lost-in-recovery is not among it. */
export type Command =
  | { readonly kind: "begin-downtime"; readonly downtime: Downtime }
  | { readonly kind: "end-downtime"; readonly key: Key }
  | { readonly kind: "recovery"; readonly row: Row };

export const lostInRecovery = "lost-in-recovery";

/** The backend database of one node: its own, and in a minority an old one. */
export class NodeData {
  readonly #downtimes = new Map<string, Downtime>();
  /** The newest first. */
  readonly recoveries: Row[] = [];
  #applied = 0;

  /** Brings in what this node missed. */
  catchUp(log: readonly Command[]): void {
    for (; this.#applied < log.length; this.#applied += 1) this.#apply(log[this.#applied] as Command);
  }

  /** Writes past raft, as a recovery does with lost-in-recovery. */
  beginLocally(downtime: Downtime): void {
    this.#downtimes.set(nameOf(downtime.key), downtime);
  }

  /** Ends what Orchestrator ends by itself: a lost server that is well again, after a while. */
  expire(topology: Topology, lostInRecoveryMs: number): void {
    const now = Date.now();
    for (const [name, { key, reason, begins, ends }] of this.#downtimes) {
      const server = topology.find(key);
      const found = reason === lostInRecovery && server !== undefined && isWellAgain(topology, server);
      if (ends <= now || (found && now - begins >= lostInRecoveryMs)) this.#downtimes.delete(name);
    }
  }

  isDowntimed(key: Key): boolean {
    return this.#downtimes.has(nameOf(key));
  }

  /** A server's row with its downtime on it. */
  row(topology: Topology, server: Server): Row {
    const downtime = this.#downtimes.get(nameOf(server.key));
    const row = topology.row(server);
    if (downtime === undefined) return row;
    return {
      ...row,
      IsDowntimed: true,
      DowntimeReason: downtime.reason,
      DowntimeOwner: downtime.owner,
      DowntimeEndTimestamp: backendText(downtime.ends),
      // Nanoseconds, cut to whole seconds.
      ElapsedDowntime: Math.floor((Date.now() - downtime.begins) / 1_000) * 1e9,
    };
  }

  #apply(command: Command): void {
    if (command.kind === "begin-downtime") this.beginLocally(command.downtime);
    else if (command.kind === "end-downtime") this.#downtimes.delete(nameOf(command.key));
    else this.recoveries.unshift(command.row);
  }
}

function isWellAgain(topology: Topology, server: Server): boolean {
  if (!server.alive) return false;
  return (
    topology.isReplicating(server) || topology.mastersOf(server.alias).every((other) => other === server)
  );
}
