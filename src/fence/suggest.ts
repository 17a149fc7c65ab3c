import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import type { ServerKey } from "../orchestrator/types.js";
import { withDeadline } from "../platform/clock.js";
import { serverName } from "./server.js";

const deadlineMs = 2_000;
/** Names that are looked up for one suggestion; what has more is no list that anybody reads. */
const most = 200;

/**
 * For servers that Orchestrator does not know by their name: one that it knows and that has the same port and one of the same
 * addresses. A suggestion for a person, never used by itself: names that share an address need not be one server.
 */
export async function suggestNames(
  unknown: readonly ServerKey[],
  known: readonly ServerKey[],
): Promise<Map<string, string>> {
  const addresses = new Map<string, readonly string[]>();
  const hosts = [...new Set([...unknown.slice(0, most), ...known.slice(0, most)].map(({ host }) => host))];
  await Promise.all(hosts.map(async (host) => addresses.set(host, await addressesOf(host))));
  const suggestions = new Map<string, string>();
  for (const server of unknown) {
    const own = addresses.get(server.host) ?? [];
    const same = known.find(
      ({ host, port }) =>
        port === server.port && (addresses.get(host) ?? []).some((address) => own.includes(address)),
    );
    if (same !== undefined) suggestions.set(serverName(server), serverName(same));
  }
  return suggestions;
}

/** None for a name that cannot be resolved: then there is nothing to suggest. */
async function addressesOf(host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [host];
  try {
    const found = await withDeadline(lookup(host, { all: true }), deadlineMs, `Looking up ${host}`);
    return found.map(({ address }) => address);
  } catch {
    return [];
  }
}
