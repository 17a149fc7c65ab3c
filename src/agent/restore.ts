import type { Lineage } from "../role/lineage.js";
import { snapshotId } from "../snapshot/manifest.js";
import type { AgentContext } from "./context.js";
import type { RestoreIntent } from "./restore-record.js";

/** Ends a restore, however it went, and says so. From then on snapshots are taken again. */
export async function endRestore(node: AgentContext): Promise<string> {
  const { restore, state, journal, log, shipper } = node;
  const intent = restore.current;
  if (intent === null) return "there is none";
  const { from, kept } = intent;
  const epoch = intent.ranked.lineage.epoch;
  if (state.leads !== null && state.leads > epoch) {
    journal.addNote("restore-done", { from, kept, epoch: state.leads });
    log.info(
      `the content of ${from} is restored and leads epoch ${state.leads}; ${kept} has what it replaced`,
    );
    restore.end({ why: null });
    return `${from} leads epoch ${state.leads}`;
  }
  const why = await giveUp(node, intent);
  journal.addNote("restore-failed", { from, kept, why });
  log.error({ snapshot: from, kept, why }, "a restore was given up");
  restore.end({ why });
  shipper.take("restore");
  return `given up: ${why}`;
}

/**
 * What was begun is left to the role: a node that is passive now has it in its store, and brings in whatever counts.
 * What never got in place, or failed, is taken out of the store, or a peer would find it there at a failover.
 */
async function giveUp(node: AgentContext, { ranked }: RestoreIntent): Promise<string> {
  const { state, trial, store } = node;
  const id = snapshotId(ranked.lineage);
  if (state.leads === null) {
    const begun =
      isSame(state.running?.lineage, ranked.lineage) || isSame(trial.current?.ranked.lineage, ranked.lineage);
    if (!begun) await store.remove(id);
    return "the role went to the other node while it was under way";
  }
  const doubt = trial.doubts().find((one) => one.id === id);
  const problem = doubt?.why ?? "nothing could be put in place";
  await store.remove(id);
  trial.forget(ranked.lineage);
  return `${problem} What was there before is back.`;
}

/** A restore that the last process wrote down and had nothing of in the store yet: it never began. */
export async function recoverRestore({ restore, store, journal, log }: AgentContext): Promise<void> {
  const intent = restore.current;
  if (intent === null) return;
  const id = snapshotId(intent.ranked.lineage);
  const { from, since } = intent;
  if ((await store.list()).some((stored) => stored.id === id)) {
    log.warn({ snapshot: from, since }, "a restore was cut short: it is finished, or undone");
    return;
  }
  journal.addNote("restore-failed", { from, kept: intent.kept, why: "the agent ended before it began" });
  restore.end({ why: "the agent ended before it began" });
}

function isSame(one: Lineage | undefined, other: Lineage): boolean {
  return (
    one !== undefined &&
    one.epoch === other.epoch &&
    one.sequence === other.sequence &&
    one.node === other.node
  );
}
