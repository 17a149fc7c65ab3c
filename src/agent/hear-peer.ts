import type { AgentContext } from "./context.js";

/**
 * There may be news of a peer (its link came up, it told of a change of role): asks it, sends it what it lacks, and has
 * the plan look at what it said.
 */
export async function hearPeer(
  { board, shipper }: AgentContext,
  name: string,
  hint: (cause: string) => void,
): Promise<void> {
  await board.askOnHint(name);
  const best = board.views().find((view) => view.name === name)?.best ?? null;
  await shipper.peerAnswered(name, best?.lineage ?? null);
  hint(`peer ${name}`);
}
