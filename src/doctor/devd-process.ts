import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { join } from "node:path";
import { sentenceOf, systemCode } from "../platform/errors.js";
import { failing, notChecked, ok, type Verdict, warning } from "./verdict.js";

/** devd's stream socket, to which it writes each event, and its pid file (devd(8)). */
const pipe = "/var/run/devd.pipe";
const pidFile = "/var/run/devd.pid";
const connectMs = 2_000;

/** What there is of devd's process. */
export interface DevdProcess {
  /** undefined: it accepts connections. Else why not, as the system names it. */
  readonly pipe: string | undefined;
  /** null: no pid file. */
  readonly pid: number | null;
  readonly alive: boolean;
  /** devd has a configuration on this host. */
  readonly configured: boolean;
}

/** Looks at devd below `root` ("" for this host's). */
export async function lookAtDevd(root: string, configured: boolean): Promise<DevdProcess> {
  const [pipeState, pid] = await Promise.all([knock(join(root, pipe)), pidIn(join(root, pidFile))]);
  return { pipe: pipeState, pid, alive: pid !== null && isAlive(pid), configured };
}

function knock(path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const end = (state: string | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(state);
    };
    const timer = setTimeout(() => end("no answer"), connectMs);
    socket.on("connect", () => end(undefined));
    socket.on("error", (error) => end(systemCode(error) ?? sentenceOf(error)));
  });
}

async function pidIn(path: string): Promise<number | null> {
  try {
    const text = (await readFile(path, "utf8")).trim();
    return /^\d+$/.test(text) ? Number(text) : null;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}

export function judgeDevd({ pipe: state, pid, alive, configured }: DevdProcess, isFreebsd: boolean): Verdict {
  if (state === undefined) return ok(`runs${alive ? ` as pid ${pid}` : ""}; ${pipe} accepts`);
  if (!configured && pid === null && !isFreebsd) return notChecked("no devd here, not FreeBSD");
  if (alive) {
    return warning(
      `devd runs as pid ${pid}, but ${pipe} does not accept (${state}): the hook alone tells the agent of a change.`,
      "devd takes ten listeners and then no more: `sockstat -u | grep devd` shows who they are.",
    );
  }
  return failing(
    `devd does not run: ${pipe} does not accept (${state}). A change of the role is seen only by the timer, after up to [carp] reconcile.`,
    "`service devd restart`; if it ends at once, `devd -d` says why. See that devd_enable is not NO.",
  );
}
