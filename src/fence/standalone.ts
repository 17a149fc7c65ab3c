import type { Config } from "../config/schema.js";
import { monotonic, wallClock } from "../platform/clock.js";
import { KnownError } from "../platform/errors.js";
import { composeFencer } from "./compose.js";
import type { Latch } from "./latch.js";
import type { FenceAdmin } from "./look.js";
import { takeRunLock } from "./run-lock.js";
import { serverName } from "./server.js";
import { readStandalone, standaloneDirectory, writeStandalone } from "./standalone-file.js";

export interface RunOnceResult {
  /** False if another one was running: it does the work. */
  readonly ran: boolean;
  /** `host:port`. */
  readonly fenced: readonly string[];
  readonly problem: string | null;
  /** Why no leader of Orchestrator in quorum answered; null if one did. */
  readonly silence: string | null;
}

/**
 * One pass without an agent, for a row in ProxySQL's scheduler, which starts it again and again and does not wait for the one
 * before: two at once are one. Errors: `config-invalid` without [orchestrator], `not-done` if the state directory cannot be used.
 */
export async function runFenceOnce(config: Config, admin: FenceAdmin): Promise<RunOnceResult> {
  const { orchestrator, node } = config;
  if (!orchestrator)
    throw new KnownError("config-invalid", "There is no [orchestrator] in the configuration: nobody to ask.");
  const lock = await takeRunLock(node.state_dir);
  if (lock === undefined) return { ran: false, fenced: [], problem: null, silence: null };
  try {
    const kept = await readStandalone(node.state_dir);
    const { fencer, client } = composeFencer(config, orchestrator, {
      admin,
      silentSince:
        monotonic() - (kept.silentSince === null ? 0 : Math.max(0, wallClock() - kept.silentSince)),
      keeper: {
        file: standaloneDirectory(node.state_dir),
        read: () => kept.latch,
        write: (latch: Latch) => writeStandalone(node.state_dir, { ...kept, latch }),
      },
      exclusively: (work) => work(),
      note: () => {},
    });
    try {
      await fencer.pass({ usable: true, savesAll: true, version: null });
    } finally {
      await client.close();
    }
    const { look, latch, problem } = fencer.state;
    const silence = look?.kind === "none" ? look.why : null;
    const silentSince = silence === null ? null : (kept.silentSince ?? wallClock());
    writeStandalone(node.state_dir, { latch, silentSince });
    const fenced = latch.fences.map(({ server }) => serverName(server));
    return { ran: true, fenced, problem: problem?.sentence ?? null, silence };
  } finally {
    lock.release();
  }
}
