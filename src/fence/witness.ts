import { connect } from "node:net";
import type { ServerKey } from "../orchestrator/types.js";

const deadlineMs = 1_000;

/** How many of these accept a TCP connection within a second. Nothing is sent to them. */
export async function askWitnesses(
  witnesses: readonly ServerKey[],
): Promise<{ readonly answer: number; readonly of: number } | null> {
  if (witnesses.length === 0) return null;
  const answers = await Promise.all(witnesses.map(accepts));
  return { answer: answers.filter(Boolean).length, of: witnesses.length };
}

function accepts({ host, port }: ServerKey): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: deadlineMs });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    // Also while the name is being looked up, which has no deadline of its own.
    const late = setTimeout(() => end(false), deadlineMs);
    socket.once("close", () => clearTimeout(late));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });
}
