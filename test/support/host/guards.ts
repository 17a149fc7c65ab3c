import { carpRole, type Host, killProxysql, setFailing, sysctl } from "./host.js";
import { patience, type Reason, type Status, serversOf, statusOf } from "./pair.js";
import { waitFor } from "./wait.js";

/** What this project adds to `net.inet.carp.demotion`, all of it or none. */
export const share = 241;

/** `net.inet.carp.demotion` of the host, everybody's shares together. */
export function demotionOf(host: Host): number {
  return Number(sysctl(host, "-n", "net.inet.carp.demotion"));
}

/** The codes of the host's reasons, sorted; with a peer's name or the like behind the code, if that matters: `peer-unreachable b`. */
export function codesOf(host: Host): string[] {
  return statusOf(host)
    .reasons.map(({ code }) => code)
    .sort();
}

/** Waits until the host gives this reason, and returns it. */
export async function waitForReason(host: Host, code: string, deadlineMs = patience): Promise<Reason> {
  return waitFor(
    `${host.name} says ${code}`,
    () => {
      const { reasons } = statusOf(host);
      const found = reasons.find((reason) => reason.code === code);
      if (found === undefined) {
        throw new Error(`it says ${reasons.map((reason) => reason.code).join(" ")}`);
      }
      return found;
    },
    deadlineMs,
    200,
  );
}

/** Waits until none of these reasons is left. */
export async function waitUntilCleared(host: Host, ...codes: readonly string[]): Promise<void> {
  await waitFor(
    `${host.name} no longer says ${codes.join(", ")}`,
    () => {
      const left = codesOf(host).filter((code) => codes.includes(code));
      if (left.length > 0) {
        throw new Error(`it says ${left.join(" ")}`);
      }
      return true;
    },
    patience,
    200,
  );
}

/** Waits until the host's demotion is exactly this. */
export async function waitForDemotion(host: Host, wanted: number): Promise<void> {
  await waitFor(
    `the demotion of ${host.name} is ${wanted}`,
    () => {
      const found = demotionOf(host);
      if (found !== wanted) {
        throw new Error(`it is ${found}: ${JSON.stringify(statusOf(host).care)}`);
      }
      return true;
    },
    patience,
    100,
  );
}

/** ProxySQL dies and cannot be started, until it is mended. */
export function ruinProxysql(host: Host): void {
  setFailing(host, "service.start.fail", true);
  killProxysql(host);
}

/** It can be started again; doing so is the agent's work. */
export function mendProxysql(host: Host): void {
  setFailing(host, "service.start.fail", false);
}

/** Waits until the address is on this host, whatever its ProxySQL does. */
export async function waitForRole(host: Host, role: "MASTER" | "BACKUP"): Promise<void> {
  await waitFor(`${host.name} is ${role}`, () => carpRole(host) === role, patience);
}

/** Waits until the host says that it is well, passive and fit to take over, with these servers in use (warm). */
export async function waitUntilFit(host: Host, servers: string): Promise<Status> {
  return waitFor(
    `${host.name} is a fit BACKUP with ${servers}`,
    async () => {
      const status = statusOf(host);
      if (status.role !== "BACKUP" || status.care.share !== 0 || !status.proxysql.serving) {
        throw new Error(JSON.stringify(status));
      }
      const found = await serversOf(host);
      if (found !== servers) {
        throw new Error(`it has ${found}`);
      }
      return status;
    },
    patience,
    200,
  );
}
