import { askForRole } from "../carp/state.js";
import { errorFields } from "../platform/background.js";
import { poll, withDeadline } from "../platform/clock.js";
import { sentenceOf } from "../platform/errors.js";
import { knockAt } from "../proxysql/observe.js";
import { resumeClients } from "./proxysql-steps.js";
import { askTaker, type Giving, takerLeads } from "./switchover-steps.js";

/** A cold node that has lost the role already must start ProxySQL again, as at any promotion. */
const backDeadlineMs = 15_000;
const lookEveryMs = 50;
/** Clients wait outside meanwhile, and without an answer a resume is tried. */
const lookDeadlineMs = 2_000;
/** What ProxySQL has to say, where nobody can wait for it: the agent's stop is bounded. */
const hurryMs = 1_000;

/**
 * Brings everything back to before the switchover: clients are served here, our share is gone, this node is MASTER.
 * `back` if that was seen; `moved` if the peer had the role by then, and leads. What fails is told and left to the plan,
 * which goes on with it once the record is gone. `hurry`: the agent stops, nobody waits for the outcome.
 */
export async function undoSwitchover(giving: Giving, hurry: boolean): Promise<"back" | "moved" | "neither"> {
  const { node, observer, progress, hint } = giving;
  const { demotion, care, switchover, config } = node;
  const attempt = async (what: string, work: () => Promise<unknown>): Promise<void> => {
    try {
      await work();
      progress.undone(what);
    } catch (error) {
      progress.undone(`not done: ${what}: ${sentenceOf(error)}`);
      node.log.warn({ what, ...errorFields(error) }, "a part of a switchover could not be undone");
    }
  };
  const bounded = <T>(work: Promise<T>): Promise<T> =>
    hurry ? withDeadline(work, hurryMs, "ProxySQL's admin") : work;
  const { role } = await observer.lookAtCarp();
  if (role !== "MASTER" || giving.peerStandsAside)
    await attempt(`${progress.to} stands aside again`, () => askTaker(node, progress, "stand-aside"));
  if (await bounded(isPaused(giving)).catch(() => true)) {
    await attempt("clients are taken again", () => bounded(resumeClients(node, observer)));
  }
  if (demotion.why === "switchover") {
    await attempt("our share of demotion is taken back", () => demotion.takeBack());
    care.forgetSysctls();
  }
  if (role === "BACKUP")
    await attempt("CARP here is asked for the role", async () => {
      for (const { vhid } of observer.carp.vhids) await askForRole(vhid, "master");
    });
  switchover.end();
  hint("the switchover is undone");
  if (hurry) return "neither";
  const { client_host, client_port } = config.proxysql;
  const outcome = await poll(
    async () => {
      const carp = await observer.lookAtCarp();
      // Where we have asked for the role it is still on its way.
      if (role === "MASTER" && carp.role !== "MASTER" && (await takerLeads(giving))) return "moved" as const;
      const greeting = await knockAt({ host: client_host, port: client_port });
      return carp.role === "MASTER" && greeting.ok && demotion.share === 0 ? ("back" as const) : undefined;
    },
    backDeadlineMs,
    lookEveryMs,
  );
  return outcome ?? ((await takerLeads(giving)) ? "moved" : "neither");
}

/** Asked of ProxySQL itself: the pause may have been its last answer, or one that came too late for us. */
async function isPaused({ node, progress }: Giving): Promise<boolean> {
  if (progress.document().steps.find(({ step }) => step === "pause")?.state === "waiting") return false;
  try {
    const [row] = await node.admin.query(
      "SELECT variable_value FROM stats_mysql_global WHERE variable_name='mysql_listener_paused'",
      lookDeadlineMs,
    );
    return ["true", "1"].includes(Object.values(row ?? {})[0] ?? "");
  } catch {
    // It does not answer: a resume will tell why.
    return true;
  }
}
