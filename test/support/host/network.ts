import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostPath } from "./requirements.js";

const prefix = "carphosts-";

/** Hosts around one switch, each in a network namespace of its own with one interface, em0. */
export type Network = { readonly id: string; readonly switchNamespace: string; readonly root: string };

/** The port of a host: its namespace, its name on the switch, its address. */
export type Port = { readonly namespace: string; readonly switchPort: string; readonly address: string };

export const interfaceName = "em0";

let created = 0;

/** Makes the switch, after everything that a run which did not end properly left behind is gone. */
export function createNetwork(): Network {
  removeLeftovers();
  created += 1;
  const id = `${process.pid}-${created}`;
  const root = join(tmpdir(), `${prefix}${id}`);
  const switchNamespace = `${prefix}${id}-sw`;
  rmSync(root, { recursive: true, force: true });
  // Entered by the unprivileged users of the hosts.
  mkdirSync(root, { mode: 0o755 });
  ip("netns", "add", switchNamespace);
  // CARP is multicast, which a bridge that snoops would withhold at first; without delay a port works at once.
  const flooding = ["mcast_snooping", "0", "forward_delay", "0", "stp_state", "0"];
  inside(switchNamespace, "ip", "link", "add", "sw", "type", "bridge", ...flooding);
  inside(switchNamespace, "ip", "link", "set", "sw", "up");
  return { id, switchNamespace, root };
}

/** Plugs a host in. `overlay` are files that stand in for those of the same name in /etc, in this host alone. */
export function addPort(
  network: Network,
  name: string,
  address: string,
  overlay: Record<string, string>,
): Port {
  const namespace = `${prefix}${network.id}-${name}`;
  const port = { namespace, switchPort: `p-${name}`, address };
  const etc = join("/etc/netns", namespace);
  mkdirSync(etc, { recursive: true });
  for (const [file, content] of Object.entries(overlay)) {
    writeFileSync(join(etc, file), content, { mode: file === "shadow" ? 0o600 : 0o644 });
  }
  ip("netns", "add", namespace);
  const peer = ["peer", "name", interfaceName, "netns", namespace];
  inside(network.switchNamespace, "ip", "link", "add", port.switchPort, "type", "veth", ...peer);
  inside(network.switchNamespace, "ip", "link", "set", port.switchPort, "master", "sw");
  inside(namespace, "ip", "link", "set", "lo", "up");
  inside(namespace, "ip", "address", "add", `${address}/24`, "dev", interfaceName);
  inside(namespace, "ip", "link", "set", interfaceName, "up");
  setPlugged(network, port, true);
  return port;
}

/** Pulls the cable of a host (its interface loses the carrier) or puts it back. */
export function setPlugged(network: Network, port: Port, plugged: boolean): void {
  inside(network.switchNamespace, "ip", "link", "set", port.switchPort, plugged ? "up" : "down");
}

/**
 * Cuts the unicast traffic of two hosts, silently and both ways, or heals it. CARP's multicast still passes: the peer
 * is unreachable, the election goes on.
 */
export function setReachable(one: Port, other: Port, reachable: boolean): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    if (reachable) {
      // A link that went down meanwhile may have taken the entry along.
      spawnSync("ip", ["-n", from.namespace, "neigh", "del", to.address, "dev", interfaceName]);
    } else {
      // Frames to an address that no card has: nothing answers, no error comes back.
      const nowhere = ["lladdr", "02:00:00:00:00:01", "nud", "permanent", "dev", interfaceName];
      inside(from.namespace, "ip", "neigh", "replace", to.address, ...nowhere);
    }
  }
}

/** Puts hosts on ports that see no other isolated port, CARP included, or back. All keep their carrier. */
export function setIsolated(network: Network, port: Port, isolated: boolean): void {
  setPortFlag(network, port, "isolated", isolated);
}

/**
 * Withholds CARP's advertisements, and all other multicast, from a host, or lets them through again; everything else
 * goes on: hosts that hear no advertisement are all MASTER, and reach each other. As switches do that snoop and know no
 * listener.
 */
export function setHearing(network: Network, port: Port, hearing: boolean): void {
  setPortFlag(network, port, "mcast_flood", hearing);
}

function setPortFlag(network: Network, port: Port, name: string, on: boolean): void {
  const flag = ["type", "bridge_slave", name, on ? "on" : "off"];
  inside(network.switchNamespace, "ip", "link", "set", port.switchPort, ...flag);
}

/** The processes of a namespace. */
export function processesOf(namespace: string): number[] {
  const found = spawnSync("ip", ["netns", "pids", namespace], { encoding: "utf8" });
  return found.stdout
    .split("\n")
    .filter((pid) => pid !== "")
    .map(Number);
}

/** Kills every process of a namespace with SIGKILL and returns when none is left. */
export function killProcesses(namespace: string): void {
  const end = Date.now() + 10_000;
  for (;;) {
    const pids = processesOf(namespace);
    if (pids.length === 0) {
      return;
    }
    if (Date.now() > end) {
      throw new Error(`processes ${pids.join(", ")} in ${namespace} survive SIGKILL`);
    }
    for (const pid of pids) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended meanwhile.
      }
    }
  }
}

/** Removes all hosts with their processes, and the switch. The files stay until `removeFiles`. */
export function removeNetwork(network: Network): void {
  for (const namespace of namespaces()) {
    if (namespace.startsWith(`${prefix}${network.id}-`)) {
      removeNamespace(namespace);
    }
  }
}

export function removeFiles(network: Network): void {
  rmSync(network.root, { recursive: true, force: true });
}

function removeNamespace(namespace: string): void {
  killProcesses(namespace);
  spawnSync("ip", ["netns", "del", namespace], { stdio: "ignore" });
  rmSync(join("/etc/netns", namespace), { recursive: true, force: true });
}

function removeLeftovers(): void {
  const overlays = existsSync("/etc/netns") ? readdirSync("/etc/netns") : [];
  for (const namespace of new Set([...namespaces(), ...overlays])) {
    if (isLeftover(namespace)) {
      removeNamespace(namespace);
    }
  }
  for (const directory of readdirSync(tmpdir())) {
    if (isLeftover(directory)) {
      rmSync(join(tmpdir(), directory), { recursive: true, force: true });
    }
  }
}

/** Ours, and of a process that is no more. */
function isLeftover(name: string): boolean {
  const pid = /^carphosts-([0-9]+)-/.exec(name)?.[1];
  return pid !== undefined && !existsSync(`/proc/${pid}`);
}

function namespaces(): string[] {
  const listed = spawnSync("ip", ["netns", "list"], { encoding: "utf8" }).stdout;
  return listed
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter((name) => name.startsWith(prefix));
}

function ip(...args: string[]): string {
  return execFileSync("ip", args, { encoding: "utf8", env: { ...process.env, PATH: hostPath } });
}

function inside(namespace: string, ...command: string[]): string {
  return ip("netns", "exec", namespace, ...command);
}
