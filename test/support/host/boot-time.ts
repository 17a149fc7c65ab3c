import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Writes `kern.boottime` for the sysctl of a test host, in the form of FreeBSD's sbin/sysctl (S_timeval): the host has
 * booted now. It stays the same until the next boot.
 */
export function writeBootTime(hostState: string): void {
  const now = new Date();
  const seconds = Math.floor(now.getTime() / 1_000);
  // Finer than a Date, so that two boots never have the same.
  const microseconds = Number((process.hrtime.bigint() / 1_000n) % 1_000_000n);
  mkdirSync(join(hostState, "sysctl"), { recursive: true });
  writeFileSync(
    join(hostState, "sysctl", "kern.boottime"),
    `{ sec = ${seconds}, usec = ${microseconds} } ${ctime(now)}\n`,
  );
}

/** `Sun Nov  1 06:24:47 2026`, as ctime(3). */
function ctime(time: Date): string {
  const [weekday = "", day = "", month = "", year = "", clock = ""] = time.toUTCString().split(/,? /);
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${clock} ${year}`;
}
