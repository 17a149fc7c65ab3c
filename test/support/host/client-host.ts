import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { sharedAddress } from "./host-files.js";
import type { Lab } from "./netns.js";
import { addPort, interfaceName, type Port } from "./network.js";
import { waitFor } from "./wait.js";

const clientPort = "6033";

/** One attempt to connect through the shared address; times in ms since 1970. */
export type Attempt = { readonly began: number; readonly ended: number; readonly outcome: string };

/** What clients saw in a while. */
export type Seen = {
  readonly attempts: number;
  readonly failures: number;
  /** The longest time in which no attempt succeeded, ms. */
  readonly unservedMs: number;
};

/** A client on a host of its own beside the pair: see client.ts. Ends with the lab, or when told. */
export type Client = {
  /** When each attempt that was served ended, ms since 1970. */
  served(): readonly number[];
  /** What became of the attempts that ended since then (ms since 1970). */
  seenSince(time: number): Seen;
  end(): void;
};

/** Puts the client's host onto the lab's switch and starts it; resolves when it was served for the first time. */
export async function startClient(lab: Lab): Promise<Client> {
  const port = addPort(lab.network, "client", "192.0.2.50", {});
  const client = await startClientIn(port, sharedAddress);
  await waitFor("the client is served", () => client.served().length > 0);
  return client;
}

/** The same in a host that is there, through any address. */
export async function startClientIn(port: Port, address: string): Promise<Client> {
  // CARP's address has one MAC address, whoever is master; here each host has its own, and news of it is to count.
  inside("sysctl", "-qw", `net.ipv4.neigh.${interfaceName}.locktime=0`);
  const program = resolve(join("build", "test/support/host/client.js"));
  const command = ["netns", "exec", port.namespace, process.execPath, program, address, clientPort];
  const child: ChildProcess = spawn("ip", command, { stdio: ["ignore", "pipe", "inherit"] });
  if (child.stdout === null) throw new Error("no output of the client");
  const attempts: Attempt[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [began, ended, outcome = ""] = line.split(" ");
    attempts.push({ began: Number(began), ended: Number(ended), outcome });
  });
  await waitFor("the client has tried", () => attempts.length > 0);
  return {
    served: () => attempts.filter(({ outcome }) => outcome === "ok").map(({ ended }) => ended),
    seenSince: (time) => seen(attempts, time),
    end: () => void child.kill("SIGKILL"),
  };

  function inside(...words: string[]): void {
    execFileSync("ip", ["netns", "exec", port.namespace, ...words]);
  }
}

function seen(all: readonly Attempt[], time: number): Seen {
  const attempts = all.filter(({ ended }) => ended >= time);
  // What was served before counts as the beginning: else a gap that is there already would begin only now.
  const before = all.filter(({ ended, outcome }) => ended < time && outcome === "ok").at(-1);
  const served = attempts.filter(({ outcome }) => outcome === "ok").map(({ ended }) => ended);
  const times = [...(before === undefined ? [] : [before.ended]), ...served].sort((a, b) => a - b);
  const gaps = times.slice(1).map((at, index) => at - (times[index] ?? at));
  return {
    attempts: attempts.length,
    failures: attempts.filter(({ outcome }) => outcome !== "ok").length,
    unservedMs: Math.round(Math.max(0, ...gaps)),
  };
}
