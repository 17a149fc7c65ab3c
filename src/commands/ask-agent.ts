import { join } from "node:path";
import type { Config } from "../config/schema.js";
import { askSocket } from "../control/client.js";
import type { ControlRequest } from "../control/protocol.js";
import { KnownError } from "../platform/errors.js";

const answerDeadlineMs = 5_000;

/** Asks the running agent; a refusal of its is a `not-done` error with its sentence. */
export async function askAgent(
  config: Config,
  request: ControlRequest,
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await askSocket(join(config.node.run_dir, "agent.sock"), request, answerDeadlineMs);
  if (!answer.ok) throw new KnownError("not-done", String(answer.error));
  return answer;
}
