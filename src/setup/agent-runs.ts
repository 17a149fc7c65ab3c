import { join } from "node:path";
import { askSocket } from "../control/client.js";
import { isKnown } from "../platform/errors.js";
import { places } from "./places.js";

const answerDeadlineMs = 2_000;

/** True if an agent answers on this host, or hangs with its socket open. */
export async function agentRuns(): Promise<boolean> {
  try {
    await askSocket(join(places.runDir, "agent.sock"), { op: "status" }, answerDeadlineMs);
    return true;
  } catch (error) {
    if (!isKnown(error)) throw error;
    return error.code === "deadline";
  }
}
