import type { FenceState } from "../fence/fencer.js";
import { serverName } from "../fence/server.js";

/** The servers of a state that are fenced, as `host:port`. */
export function fencedNames({ latch }: FenceState): string[] {
  return latch.fences.map(({ server }) => serverName(server));
}
