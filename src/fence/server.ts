import type { ServerKey } from "../orchestrator/types.js";

/** `host:port`, the way a server is told to people and kept as a key. Names compare without case, as DNS does. */
export function serverName({ host, port }: ServerKey): string {
  return `${host.toLowerCase()}:${port}`;
}

export function sameServer(one: ServerKey, other: ServerKey): boolean {
  return serverName(one) === serverName(other);
}

/** `host:port`, `[v6]:port`, or `v6:port` as ProxySQL and Orchestrator print it; undefined if it is none. */
export function parseServer(text: string): ServerKey | undefined {
  const match = /^\[?([A-Za-z0-9._:%-]{1,253}?)\]?:(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (!match?.[1] || port < 1 || port > 65_535) return undefined;
  return { host: match[1], port };
}
