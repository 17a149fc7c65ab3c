import { BlockList, isIP } from "node:net";

const loopback = new BlockList();
loopback.addSubnet("127.0.0.0", 8, "ipv4");
loopback.addAddress("::1", "ipv6");

/** True for 127.0.0.0/8 and ::1, IPv4 in IPv6's clothes included. */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && loopback.check(address, family === 4 ? "ipv4" : "ipv6");
}

/**
 * Whether a request with this Host header may be answered. A page in a browser on this host can point a name of its own
 * at 127.0.0.1 and then read what listens there (DNS rebinding); its name gives it away. So on loopback only names that
 * mean this host itself are served. Without the header (HTTP/1.0, as health checkers speak it) it is no browser.
 * Elsewhere every name is taken: which ones lead here only the operator knows.
 */
export function mayServe(hostHeader: string | undefined, listen: { host: string; address: string }): boolean {
  if (hostHeader === undefined || !isLoopback(listen.address)) return true;
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]+))(?::\d{0,5})?$/.exec(hostHeader);
  const name = (match?.[1] ?? match?.[2] ?? "").toLowerCase();
  return name === "localhost" || name === listen.host.toLowerCase() || isLoopback(name);
}
