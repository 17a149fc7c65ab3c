import { isKnown } from "../platform/errors.js";
import { runProgram } from "../platform/exec.js";
import { failing, notChecked, ok, type Verdict } from "./verdict.js";

/** `service -e` sources every rc script of the host. */
const programMs = 10_000;
const rcName = "proxysql_carp";

/** What rc(8) knows of us. */
export interface RcSeen {
  /** `YES`, `NO`, or what sysrc complained of; null: there is no sysrc. */
  readonly enable: string | null;
  /** The paths that `service -e` lists; null if it was not asked. */
  readonly enabled: readonly string[] | null;
}

export async function lookAtRc(): Promise<RcSeen> {
  const sysrc = await run("sysrc", ["-n", `${rcName}_enable`]);
  if (sysrc === undefined) return { enable: null, enabled: null };
  const enable = sysrc.code === 0 ? sysrc.stdout.trim() : sysrc.stderr.trim();
  if (!isYes(enable)) return { enable, enabled: null };
  const service = await run("service", ["-e"]);
  return { enable, enabled: service?.stdout.split("\n").map((line) => line.trim()) ?? null };
}

/** undefined if there is no such program here. */
async function run(program: string, args: readonly string[]) {
  try {
    return await runProgram(program, args, programMs);
  } catch (error) {
    if (isKnown(error, "command-failed")) return undefined;
    throw error;
  }
}

export function judgeRc({ enable, enabled }: RcSeen): Verdict {
  if (enable === null) return notChecked("no sysrc here, not FreeBSD");
  if (!isYes(enable)) {
    return failing(
      `${rcName}_enable is ${/^no$/i.test(enable) ? "NO" : "not set"}: after a boot no agent runs here.`,
      `sysrc ${rcName}_enable=YES`,
    );
  }
  if (enabled !== null && !enabled.some((path) => path.endsWith(`/${rcName}`))) {
    return failing(
      `${rcName}_enable is YES, but \`service -e\` does not list ${rcName}: rc(8) finds no script that it may execute.`,
      `Install rc.d/${rcName} of this program to /usr/local/etc/rc.d/${rcName}, mode 0755.`,
    );
  }
  return ok(`${rcName}_enable is YES`);
}

/** As rc.subr's checkyesno. */
function isYes(value: string): boolean {
  return /^(yes|true|on|1)$/i.test(value);
}
