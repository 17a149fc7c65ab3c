import type { Observed } from "./observed.js";
import type { Step } from "./step.js";

/** One peer as far as shooting its host is concerned, since this node gained the role. */
export interface Target {
  readonly peer: string;
  /** It may still hold the shared address; null while that was not looked at, or too long ago. */
  readonly contested: boolean | null;
  /** How the shot ended; `none` also if it is not known how. */
  readonly shot: "none" | "hit" | "missed";
  /** How long until the next one after a miss; back-off, ms. */
  readonly nextShotInMs: number;
  /** It said last that it is giving its role to this node. */
  readonly givesToUs: boolean;
}

/** `[stonith]`, and how it stands with each peer. */
export interface Stonith {
  readonly when: "contested" | "unreachable";
  readonly onFailure: "hold" | "go-on";
  readonly targets: readonly Target[];
}

/**
 * What to do about peers that cannot be asked before this node is promoted. undefined: nothing is in the way; no steps:
 * the promotion is held. Only a peer that was asked since the role came, and did not answer, is ever looked at: one whose
 * link is up can tell its role itself. Never in maintenance (who works on the hosts must not have one shot), and
 * never in a switchover: there the peer gives its role away by its own word.
 */
export function shootFirst(now: Observed): Step[] | undefined {
  const { stonith } = now;
  if (stonith === null || now.maintenance !== null || now.switching) return undefined;
  const silent = new Set(now.peers.filter((peer) => peer.asked && !peer.reachable).map(({ name }) => name));
  const suspects = stonith.targets.filter(
    ({ peer, shot, givesToUs }) => silent.has(peer) && shot !== "hit" && !givesToUs,
  );
  const unsettled = suspects.filter(({ shot }) => shot === "none" || stonith.onFailure === "hold");
  if (stonith.when === "contested") {
    const unknown = unsettled.filter(({ contested }) => contested === null);
    if (unknown.length > 0) return unknown.map(({ peer }) => ({ kind: "knock", peer }));
  }
  const wanted = unsettled.filter(({ contested }) => stonith.when === "unreachable" || contested === true);
  if (wanted.length === 0) return undefined;
  const due = wanted.filter(({ nextShotInMs }) => nextShotInMs <= 0);
  return due.map(({ peer }) => ({ kind: "shoot", peer }));
}
