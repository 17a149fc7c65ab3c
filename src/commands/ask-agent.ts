import { join } from "node:path";
import type { Config } from "../config/schema.js";
import { askSocket } from "../control/client.js";
import type { ControlRequest } from "../control/protocol.js";
import { isKnown, KnownError } from "../platform/errors.js";

const answerDeadlineMs = 5_000;

/**
 * Asks the running agent; a refusal of its is a `not-done` error with its sentence. An agent that took the request and
 * gave no answer is as good as none: `agent-unreachable`.
 */
export async function askAgent(
  config: Config,
  request: ControlRequest | { readonly op: "fence-status" },
  ms = answerDeadlineMs,
): Promise<Readonly<Record<string, unknown>>> {
  const answer = await askSocket(join(config.node.run_dir, "agent.sock"), request, ms).catch(
    (error: unknown) => {
      if (!isKnown(error, "deadline")) throw error;
      throw new KnownError("agent-unreachable", error.message, {}, error);
    },
  );
  if (!answer.ok) throw new KnownError("not-done", String(answer.error));
  return answer;
}
