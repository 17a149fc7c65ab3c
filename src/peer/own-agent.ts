import { sentenceOf } from "../platform/errors.js";
import { lineageOfId, snapshotId } from "../snapshot/manifest.js";
import { askAgent } from "./agent-socket.js";
import type { Reply } from "./answers.js";
import { Refused } from "./refused.js";

/** Where this host's own agent is, and how long it may take for an answer. */
export interface OwnAgent {
  readonly runDir: string;
  /** Milliseconds. */
  readonly ms: number;
}

const roles: readonly unknown[] = ["MASTER", "BACKUP", "INIT", "unknown"];

/**
 * The other node's role has changed: our agent is told whose, and asks that node itself. What is told here is only a
 * hint; that there is no agent is no error.
 */
export async function tellOfRole({ runDir, ms }: OwnAgent, node: unknown, role: unknown): Promise<Reply> {
  if (!isNodeName(node) || !roles.includes(role))
    throw new Refused("failed", "A change of role needs the name of a node and one of CARP's roles.");
  const told = await askAgent(runDir, { op: "peer-announces", node, role }, ms).then(
    ({ ok }) => ok === true,
    () => false,
  );
  return { fields: { told } };
}

/** The other node asks for a switchover, or for our part in one: our agent answers, and what it says goes back as it is. */
export async function askOfSwitchover({ runDir, ms }: OwnAgent, node: unknown, ask: unknown): Promise<Reply> {
  const answer = await askAgent(runDir, { op: "peer-switchover", node, ask }, ms).catch((error: unknown) => {
    throw new Refused("failed", `The agent here did not answer: ${sentenceOf(error)}`);
  });
  return { body: Buffer.from(JSON.stringify(answer)) };
}

/**
 * Nothing is taken from the other node while ours is MASTER: then both change their configuration, and which one goes
 * on is not for a transfer to decide. Without an agent nobody here is MASTER, and the snapshot is welcome.
 */
export async function refuseWhileMaster({ runDir, ms }: OwnAgent): Promise<void> {
  const report = await askAgent(runDir, { op: "peer-status" }, ms).catch(() => null);
  if (report?.role !== "MASTER") return;
  throw new Refused("both-master", "This node is MASTER too: nothing is exchanged until one of them is not.");
}

/** A node's name is what may stand in a lineage. */
function isNodeName(value: unknown): value is string {
  return (
    typeof value === "string" && lineageOfId(snapshotId({ epoch: 0, sequence: 0, node: value })) !== undefined
  );
}
