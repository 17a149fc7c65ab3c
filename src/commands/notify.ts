import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { loadConfig } from "../config/load.js";
import { askSocket } from "../control/client.js";
import { type CarpEvent, carpEventSchema } from "../control/protocol.js";
import { spoolDirectory } from "../control/spool.js";
import { wallClock } from "../platform/clock.js";
import { isKnown, KnownError } from "../platform/errors.js";
import { ensureDirectory, writeFileDurably } from "../platform/files.js";

const handOverDeadlineMs = 2_000;

/**
 * `notify TYPE SUBSYSTEM`: what devd's hook does, for a shell or a script: gives a CARP event to the agent, or leaves it
 * in the spool. devd itself calls the hook, which needs no Node.js and returns within milliseconds.
 */
export async function notify(configFile: string, type: string, subsystem: string): Promise<number> {
  const event = carpEventSchema.safeParse({ op: "event", type, subsystem });
  if (!event.success) {
    throw new KnownError(
      "usage",
      `Expected MASTER, BACKUP or INIT and a vhid@interface, found "${type}" "${subsystem}".`,
    );
  }
  const { run_dir, state_dir } = loadConfig(configFile).node;
  try {
    await askSocket(join(run_dir, "agent.sock"), event.data, handOverDeadlineMs);
  } catch (error) {
    if (!isKnown(error)) throw error;
    await spool(state_dir, event.data);
    process.stdout.write("No agent answers: the event is in the spool.\n");
  }
  return 0;
}

async function spool(stateDir: string, event: CarpEvent): Promise<void> {
  const directory = spoolDirectory(stateDir);
  // As the agent makes them: the link's user must be able to pass through to its boxes, but not look into the spool.
  await ensureDirectory(stateDir, 0o711);
  await ensureDirectory(directory, 0o700);
  const name = `${Math.floor(wallClock() / 1_000)}-${process.pid}-${randomUUID().slice(0, 8)}.event`;
  await writeFileDurably(join(directory, name), `${JSON.stringify(event)}\n`, 0o600);
}
