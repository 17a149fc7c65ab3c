import { constants } from "node:fs";
import { access, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { type DevdConfig, hookActionOf, verdictOf } from "../carp/devd-config.js";
import { sentenceOf, systemCode } from "../platform/errors.js";
import { eventOf } from "./devd-rules.js";
import { failing, notChecked, ok, type Verdict, warning } from "./verdict.js";

/** Where rc(8) lets devd look for programs. */
export const devdPath = "/sbin:/bin:/usr/sbin:/usr/bin";

/** What the hook takes when nobody tells it otherwise (devd/proxysql-carp-notify). */
const hookDefaults = {
  PROXYSQL_CARP_RUN_DIR: "/var/run/proxysql-carp",
  PROXYSQL_CARP_STATE_DIR: "/var/db/proxysql-carp",
};

/** An action of devd's that calls our hook, taken apart as sh(1) would. */
export interface HookCall {
  readonly action: string;
  /** Assignments in front of the program. */
  readonly env: Readonly<Record<string, string>>;
  readonly program: string;
}

/** The hook's file as it lies there. */
export interface HookFile {
  /** Why it cannot be looked at. */
  readonly error: string | undefined;
  readonly isFile: boolean;
  readonly executable: boolean;
  readonly mode: number;
  readonly uid: number;
  /** What its first line names, such as `/bin/sh`; null if it is no script. */
  readonly interpreter: string | null;
  /** False if that program is not where devd would look for it. */
  readonly interpreterFound: boolean;
}

/** How devd calls the hook for a vhid; null if no rule of its does. */
export function hookCallIn(config: DevdConfig | null, vhid: string): HookCall | null {
  const { ours } = config === null ? { ours: null } : verdictOf(config, eventOf(vhid, "MASTER"));
  const action = ours === null ? undefined : hookActionOf(ours);
  if (action === undefined) return null;
  const words = action.trim().split(/\s+/);
  const first = words.findIndex((word) => !/^[A-Za-z_][A-Za-z0-9_]*=/.test(word));
  const env = words.slice(0, first).map((word) => {
    const at = word.indexOf("=");
    return [word.slice(0, at), word.slice(at + 1).replaceAll(/^'|'$/g, "")] as const;
  });
  return { action, env: Object.fromEntries(env), program: words[first] ?? "" };
}

/** False for a rule that calls `proxysql-carp notify`, which reads the configuration and not the environment. */
export function isHook({ program }: HookCall): boolean {
  return program.endsWith("proxysql-carp-notify");
}

export async function lookAtHook(program: string): Promise<HookFile> {
  const absent = { isFile: false, executable: false, mode: 0, uid: 0, interpreter: null };
  try {
    const facts = await stat(program);
    const { mode, uid } = facts;
    const isFile = facts.isFile();
    if (!isFile) return { ...absent, error: undefined, interpreterFound: true };
    const interpreter = await interpreterOf(program);
    return {
      error: undefined,
      isFile,
      executable: (mode & 0o111) !== 0,
      mode: mode & 0o777,
      uid,
      interpreter,
      interpreterFound: interpreter === null || (await isFound(interpreter)),
    };
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return { ...absent, error: systemCode(error) ?? sentenceOf(error), interpreterFound: true };
  }
}

/** The first line of a script, without `#!`; null for any other file. */
async function interpreterOf(path: string): Promise<string | null> {
  const handle = await open(path, "r");
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(256), 0, 256, 0);
    const line = buffer.toString("latin1", 0, bytesRead).split("\n")[0] ?? "";
    return line.startsWith("#!") ? line.slice(2).trim() : null;
  } finally {
    await handle.close();
  }
}

/** `env NAME` looks for NAME on devd's path, which has no /usr/local. */
async function isFound(line: string): Promise<boolean> {
  const [program = "", name = ""] = line.split(/\s+/);
  if (!(await isExecutable(program))) return false;
  if (!program.endsWith("/env")) return true;
  const places = devdPath.split(":").map((dir) => isExecutable(join(dir, name)));
  return (await Promise.all(places)).includes(true);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** `directories`: the configuration's, which the hook must hand its events to. */
export function judgeHook(
  call: HookCall | null,
  file: HookFile | null,
  directories: { readonly run_dir: string; readonly state_dir: string },
): Verdict {
  if (call === null || file === null) return notChecked("no rule of devd's calls it here");
  const { program, env } = call;
  const install = `Install it again: \`install -m 0755 devd/proxysql-carp-notify ${program}\`.`;
  if (file.error !== undefined)
    return failing(`devd's rule calls ${program}, which cannot be looked at (${file.error}).`, install);
  if (!file.isFile) return failing(`devd's rule calls ${program}, which is no file.`, install);
  if (!file.executable) return failing(`${program} may not be executed by anyone.`, `chmod 0755 ${program}`);
  if ((file.mode & 0o022) !== 0) {
    return failing(
      `${program} has mode ${file.mode.toString(8)}: others can change what devd runs as root.`,
      `chmod 0755 ${program}`,
    );
  }
  if (!file.interpreterFound) {
    return failing(
      `${program} needs "${file.interpreter}", which is not there for devd: its PATH is ${devdPath}.`,
      "Name the interpreter in the first line with its whole path, or install it there.",
    );
  }
  if (!isHook(call)) return ok(program);
  return judgeDirectories(program, { ...hookDefaults, ...env }, directories);
}

function judgeDirectories(
  program: string,
  env: Readonly<Record<string, string>>,
  { run_dir, state_dir }: { readonly run_dir: string; readonly state_dir: string },
): Verdict {
  const { PROXYSQL_CARP_RUN_DIR: run, PROXYSQL_CARP_STATE_DIR: state } = env;
  if (run === run_dir && state === state_dir) return ok(program);
  return warning(
    `devd's rule lets ${program} look for the agent in ${run} and spool to ${state}; the agent is in ${run_dir} and ${state_dir}.`,
    `Put \`PROXYSQL_CARP_RUN_DIR=${run_dir} PROXYSQL_CARP_STATE_DIR=${state_dir}\` in front of the program in the rule's action; \`service devd restart\`.`,
  );
}
