/** What CARP says of one vhid. INIT (no link, not allowed, no address) is not master. */
export type CarpRole = "MASTER" | "BACKUP" | "INIT";

/** One virtual host id as this node sees it, written `9@em0` as devd writes it. */
export interface VhidState {
  readonly vhid: string;
  readonly role: CarpRole;
}

/** The node's role over all its vhids; `unknown` when ifconfig did not tell of every one. */
export type NodeRole = CarpRole | "unknown";

/**
 * The leading vhid, the first that the configuration names, decides which node's configuration is authoritative:
 * with several vhids split between the nodes there must still be exactly one that ships.
 */
export function nodeRole(states: readonly (VhidState | undefined)[]): NodeRole {
  if (states.length === 0 || states.some((state) => state === undefined)) return "unknown";
  return states[0]?.role ?? "unknown";
}

/** True if clients may arrive here: any vhid is MASTER. */
export function holdsAnAddress(states: readonly (VhidState | undefined)[]): boolean {
  return states.some((state) => state?.role === "MASTER");
}
