import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";

/** Its command line as ps shows it. */
export function commandLine(pid: number): string {
  return askPs(pid, "args=");
}

/** Resident memory. */
export function residentMiB(pid: number): number {
  return Number(askPs(pid, "rss=")) / 1024;
}

/** User and system time it has used. ps tells whole seconds on Linux, so /proc is asked where there is one. */
export function cpuSeconds(pid: number): number {
  const stat = `/proc/${pid}/stat`;
  if (existsSync(stat)) {
    const fields = readFileSync(stat, "utf8").split(") ")[1]?.split(" ") ?? [];
    // utime and stime, fields 14 and 15 of proc(5), in ticks of which Linux shows a hundred a second.
    return (Number(fields[11]) + Number(fields[12])) / 100;
  }
  const [seconds = 0, minutes = 0, hours = 0] = askPs(pid, "time=").split(":").reverse().map(Number);
  return seconds + minutes * 60 + hours * 3600;
}

/** The most resident memory it ever had; undefined where the system does not tell. */
export function peakMiB(pid: number): number | undefined {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return undefined;
  const kilobytes = /^VmHWM:\s+(\d+)/m.exec(readFileSync(status, "utf8"))?.[1];
  return kilobytes === undefined ? undefined : Number(kilobytes) / 1024;
}

/** What ps tells of a process; empty when it has ended. */
function askPs(pid: number, field: string): string {
  try {
    return execFileSync("ps", ["-o", field, "-p", String(pid)], { encoding: "utf8" }).trim();
  } catch {
    return "";
  }
}
