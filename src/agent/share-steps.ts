import { askForRole } from "../carp/state.js";
import type { ShareCause } from "../role/care.js";
import type { AgentContext } from "./context.js";
import type { Observer } from "./observer.js";

/** Finishes what an earlier process began with our share of demotion, and adds it again after a reboot. */
export async function settleShare({ demotion, care }: AgentContext): Promise<string> {
  await demotion.settle();
  care.forgetSysctls();
  return demotion.share === 0 ? "no share of ours" : `${demotion.share} is ours`;
}

/** Adds our share of demotion, so that the other node is preferred. */
export async function addShare(node: AgentContext, why: ShareCause): Promise<string> {
  const { demotion, care, trial, journal, log, state } = node;
  if (why === "given-away") {
    // A ProxySQL that failed on everything is to blame itself.
    trial.exonerate();
    care.noteMove();
    journal.addNote("address-given-away", { tries: care.view().restarts });
    log.error({ tries: care.view().restarts }, "ProxySQL stays dead: the address is given away");
  }
  // A lock that comes and goes must not move the role with it: it counts as health does, and for the way back alone.
  if (why === "no-lock" && state.leads !== null) care.noteMove();
  await demotion.add(why);
  care.forgetSysctls();
  return `${demotion.share} added: ${why}`;
}

/** Takes our share back, and only ours. */
export async function takeShareBack({ demotion, care }: AgentContext): Promise<string> {
  const { share, why } = demotion;
  if (why === "given-away") care.noteMove();
  await demotion.takeBack();
  care.forgetSysctls();
  return `${share} taken back`;
}

/** Demotion alone moves nothing if the peer does not preempt: then this node asks CARP to be BACKUP. */
export async function stepAside({ care }: AgentContext, observer: Observer): Promise<string> {
  const masters = observer.carp.vhids.filter(({ role }) => role === "MASTER");
  care.noteYield();
  for (const { vhid } of masters) await askForRole(vhid, "backup");
  return masters.map(({ vhid }) => vhid).join(", ");
}
