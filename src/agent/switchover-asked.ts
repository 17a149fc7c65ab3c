import { askForRole } from "../carp/state.js";
import type { ControlAnswer, SwitchoverAsk } from "../control/protocol.js";
import type { AgentContext } from "./context.js";
import type { Observer } from "./observer.js";
import { reportOf } from "./switchover-steps.js";
import type { Switchovers } from "./switchovers.js";

/** What a peer may ask for a switchover: to give it our role, or for our part in one that it performs. */
export async function answerSwitchoverAsk(
  { node, observer, switchovers }: { node: AgentContext; observer: Observer; switchovers: Switchovers },
  peer: string,
  ask: SwitchoverAsk,
): Promise<ControlAnswer> {
  if (!node.links.has(peer)) return { ok: false, error: `${peer} is no [[peer]] of this node.` };
  switch (ask.op) {
    case "give": {
      const { force, dryRun, timeoutMs } = ask;
      return { ok: true, switchover: switchovers.give({ to: peer, force, dryRun, timeoutMs }) };
    }
    case "progress":
      return { ok: true, switchover: await switchovers.progress(ask.id) };
    case "cancel":
      return { ok: true, switchover: await switchovers.cancel(ask.id) };
    default:
      return takePart(node, observer, peer, ask);
  }
}

/**
 * Our part in a switchover, only while the peer itself says over its own link that it is giving the role to us: what
 * comes in through the link's user is no more than a hint.
 */
async function takePart(
  node: AgentContext,
  observer: Observer,
  peer: string,
  { op, id }: Extract<SwitchoverAsk, { op: "claim" | "step-in" | "stand-aside" }>,
): Promise<ControlAnswer> {
  const { board, demotion, care, config, log, maintenance } = node;
  await board.ask(peer);
  const theirs = reportOf(node, peer)?.switchover;
  if (theirs?.id !== id || theirs.to !== config.node.name)
    return { ok: false, error: `${peer} does not say that it is giving its role to ${config.node.name}.` };
  if (maintenance.view() !== null) return { ok: false, error: `${config.node.name} is in maintenance.` };
  log.info(`${op}, for the switchover ${id} of ${peer}`);
  if (op === "claim") {
    const { vhids } = await observer.lookAtCarp();
    for (const { vhid, role } of vhids) if (role !== "MASTER") await askForRole(vhid, "master");
  } else if (op === "stand-aside") {
    await demotion.add("switchover");
  } else if (demotion.why === "switchover") {
    await demotion.takeBack();
  }
  care.forgetSysctls();
  return { ok: true };
}
