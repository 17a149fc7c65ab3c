import { stat, statfs } from "node:fs/promises";
import { devdMark, readDevdConfig } from "../carp/devd-config.js";
import { devdFacts } from "../health/devd-facts.js";
import { diskNeed } from "../health/disk-need.js";
import type { DevdFacts, DiskFacts } from "../health/facts.js";
import type { Lasting } from "../health/lasting.js";
import { monotonic } from "../platform/clock.js";
import { systemCode } from "../platform/errors.js";

const lookEveryMs = 10_000;
/** Nearly full until there is a quarter more than that: what is at the limit must not be told again and again. */
const enough = 0.8;

/** What is looked at on this host beside ProxySQL and CARP, now and then. */
export class HostLook {
  readonly #vhids: readonly string[];
  readonly #directories: readonly string[];
  readonly #devdRoot: string;
  #lookedAt: number | undefined;
  #disks: readonly DiskFacts[] = [];
  #devd: DevdFacts | null = null;
  #devdMark: string | undefined;

  /** `devdRoot`: what stands before devd's paths; "" on a real host. */
  constructor(vhids: readonly string[], directories: readonly string[], devdRoot: string) {
    this.#vhids = vhids;
    this.#directories = directories;
    this.#devdRoot = devdRoot;
  }

  get disks(): readonly DiskFacts[] {
    return this.#disks;
  }

  get devd(): DevdFacts | null {
    return this.#devd;
  }

  async look(lasting: Lasting): Promise<void> {
    const now = monotonic();
    if (this.#lookedAt !== undefined && now - this.#lookedAt < lookEveryMs) return;
    this.#lookedAt = now;
    this.#disks = await disksOf(this.#directories, lasting, now);
    const mark = await devdMark(this.#devdRoot);
    if (mark === this.#devdMark) return;
    this.#devd = devdFacts(await readDevdConfig(this.#devdRoot), this.#vhids);
    this.#devdMark = mark;
  }
}

/** One for each file system. */
async function disksOf(paths: readonly string[], lasting: Lasting, now: number): Promise<DiskFacts[]> {
  const seen = new Set<number>();
  const disks: DiskFacts[] = [];
  for (const path of paths) {
    try {
      const { dev } = await stat(path);
      if (seen.has(dev)) continue;
      seen.add(dev);
      const { bavail, blocks, bsize } = await statfs(path);
      const [free, total] = [bavail * bsize, blocks * bsize];
      const low =
        lasting.band(`disk-nearly-full ${path}`, diskNeed(free, total), now, { enter: 1, leave: enough }) > 0;
      disks.push({ path, free, total, low });
    } catch (error) {
      // A data directory that is not there is told by the steps that need it.
      if (systemCode(error) === undefined) throw error;
    }
  }
  return disks;
}
