import { parseServer } from "../fence/server.js";
import type { ServerKey } from "../orchestrator/types.js";
import type { NodeRole } from "../role/carp-role.js";
import { readReport } from "../ship/peer-report.js";
import type { PeerBoard } from "./peer-board.js";

/** Longer ago than this a peer's word says nothing of now. */
const countsMs = 10_000;

/** What a peer says of Orchestrator and its fences. */
export interface PeerFenceReport {
  readonly name: string;
  readonly role: NodeRole;
  /** How long ago it said this; ms. */
  readonly ageMs: number;
  readonly fences: readonly ServerKey[];
  /** Released by an operator there. */
  readonly pardoned: readonly ServerKey[];
  /** Whether a leader in quorum answers it; null if it does not ask, or does not say. */
  readonly seesQuorum: boolean | null;
}

/** The peers that answer, as far as fencing goes. */
export interface PeerFences {
  reports(): PeerFenceReport[];
  /** Asks them all anew, each within a short deadline. */
  refresh(): Promise<void>;
}

export function peerFences(board: PeerBoard, names: readonly string[]): PeerFences {
  return {
    refresh: () => board.askAll(),
    reports: () =>
      names.flatMap((name) => {
        const { status, ageMs, error } = board.describe(name);
        const report = readReport(status?.report);
        if (report === null || error !== null || ageMs === null || ageMs > countsMs) return [];
        const keys = (texts: readonly string[] = []): ServerKey[] =>
          texts.flatMap((text) => parseServer(text) ?? []);
        return [
          {
            name,
            role: report.role,
            ageMs,
            fences: keys(report.fences),
            pardoned: keys(report.pardoned),
            seesQuorum: report.seesQuorum ?? null,
          },
        ];
      }),
  };
}
