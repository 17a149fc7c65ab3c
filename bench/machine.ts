import { execFileSync } from "node:child_process";
import { availableParallelism, loadavg, release, totalmem, type as typeOfOs } from "node:os";

/** Where the figures were measured. */
export interface Machine {
  readonly cpus: number;
  /** MiB */
  readonly memory: number;
  readonly node: string;
  readonly os: string;
  /** `stand-in`, or the version of the program named by PROXYSQL_BIN. */
  readonly proxysql: string;
  /** Mean of processes that wanted a CPU in the minute before the bench began. */
  readonly load: number;
}

export function describeMachine(): Machine {
  return {
    cpus: availableParallelism(),
    memory: Math.round(totalmem() / 1024 / 1024),
    node: process.versions.node,
    os: `${typeOfOs()} ${release()}`,
    proxysql: proxysqlVersion(),
    load: loadavg()[0] ?? 0,
  };
}

function proxysqlVersion(): string {
  const program = process.env.PROXYSQL_BIN;
  if (program === undefined) return "stand-in";
  const text = execFileSync(program, ["--version"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
  });
  return /\d+\.\d+\.\d+[-\w]*/.exec(text)?.[0] ?? "unknown";
}
