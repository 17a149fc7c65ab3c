import { createConnection } from "node:net";
import { join } from "node:path";
import { withDeadline } from "../platform/clock.js";
import { KnownError } from "../platform/errors.js";
import { parseObject } from "./protocol.js";

/** Longest answer of the agent. */
const answerLimit = 1024 * 1024;

/**
 * Asks this host's own agent one question over `<run_dir>/peer.sock` (one JSON line each way) and gives its answer.
 * Errors: the system's own when no agent listens, `deadline` after `ms`, `peer-protocol` for an answer that is no
 * JSON object.
 */
export function askAgent(runDir: string, question: object, ms: number): Promise<Record<string, unknown>> {
  const socket = createConnection(join(runDir, "peer.sock"));
  const answer = new Promise<Record<string, unknown>>((resolve, reject) => {
    let heard = Buffer.alloc(0);
    const finish = (): void => {
      socket.destroy();
      const end = heard.indexOf(0x0a);
      const value = parseObject(end < 0 ? heard : heard.subarray(0, end));
      if (value === undefined)
        reject(new KnownError("peer-protocol", "The agent here gave no answer that can be read."));
      else resolve(value);
    };
    socket.on("error", reject);
    socket.on("data", (bytes) => {
      heard = Buffer.concat([heard, bytes]);
      if (bytes.includes(0x0a) || heard.length > answerLimit) finish();
    });
    socket.on("end", finish);
    socket.write(`${JSON.stringify(question)}\n`);
  });
  return withDeadline(answer, ms, "The agent here", () => socket.destroy());
}
