import { connect } from "node:net";
import { join } from "node:path";
import type { SwitchoverDocument } from "../../../src/switchover/document.js";
import type { SwitchoverStep } from "../../../src/switchover/steps.js";
import { demotionOf } from "./guards.js";
import { carpRole, type Host } from "./host.js";
import { patience, serversOf, statusOf } from "./pair.js";
import { waitFor } from "./wait.js";

export type { SwitchoverDocument } from "../../../src/switchover/document.js";

export type Asked = {
  readonly to?: string;
  readonly force?: boolean;
  readonly dryRun?: boolean;
  readonly timeoutMs?: number;
};

/** Asks the host's agent one thing by its socket, as the commands do. */
export function askAgent(host: Host, request: unknown): Promise<Record<string, unknown>> {
  return new Promise((answered, failed) => {
    const socket = connect(join(host.places.runDir, "agent.sock"));
    let text = "";
    socket.setTimeout(20_000, () => socket.destroy(new Error(`the agent of ${host.name} is silent`)));
    socket.on("connect", () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on("data", (data) => {
      text += String(data);
    });
    socket.on("error", failed);
    socket.on("close", () => {
      try {
        answered(JSON.parse(text) as Record<string, unknown>);
      } catch {
        failed(new Error(`the agent of ${host.name} answers ${JSON.stringify(text)}`));
      }
    });
  });
}

async function askSwitchover(host: Host, request: unknown): Promise<SwitchoverDocument> {
  const answer = await askAgent(host, request);
  if (answer.ok !== true) throw new Error(`the agent of ${host.name}: ${JSON.stringify(answer)}`);
  return answer.switchover as SwitchoverDocument;
}

/** Begins a switchover on whichever host. */
export function startSwitchover(host: Host, asked: Asked = {}): Promise<SwitchoverDocument> {
  const { to = null, force = false, dryRun = false, timeoutMs = 30_000 } = asked;
  return askSwitchover(host, { op: "switchover", to, force, dryRun, timeoutMs });
}

export function progressOf(host: Host, { id }: { readonly id: string }): Promise<SwitchoverDocument> {
  return askSwitchover(host, { op: "switchover-progress", id });
}

export function cancelSwitchover(host: Host, { id }: { readonly id: string }): Promise<SwitchoverDocument> {
  return askSwitchover(host, { op: "switchover-cancel", id });
}

/** Waits until the switchover is over, whatever came of it. */
export function switchoverEnds(host: Host, begun: { readonly id: string }): Promise<SwitchoverDocument> {
  return waitFor(
    `the switchover ${begun.id} ends`,
    async () => {
      const document = await progressOf(host, begun);
      if (document.state === "running") throw new Error(JSON.stringify(document.steps));
      return document;
    },
    2 * patience,
  );
}

/** Waits until this step is under way, which something must hold up there. */
export function stepRuns(host: Host, begun: { readonly id: string }, step: SwitchoverStep): Promise<unknown> {
  return waitFor(
    `the switchover ${begun.id} is at ${step}`,
    async () => {
      const document = await progressOf(host, begun);
      if (document.steps.find((one) => one.step === step)?.state === "running") return true;
      throw new Error(JSON.stringify(document));
    },
    patience,
    20,
  );
}

/** Begins one, waits for its end. */
export async function switchOver(host: Host, asked: Asked = {}): Promise<SwitchoverDocument> {
  const begun = await startSwitchover(host, asked);
  // One that is refused at once leaves nothing behind to ask for.
  return begun.state === "running" ? switchoverEnds(host, begun) : begun;
}

/** The names of the steps that did not come through, with their state: `move failed`, `prove skipped`. */
export function undoneSteps({ steps }: SwitchoverDocument): string[] {
  return steps.filter(({ state }) => state !== "done").map(({ step, state }) => `${step} ${state}`);
}

/**
 * Waits until the pair is as a pair should be, and says which host is MASTER: exactly one is, leads and serves these
 * servers; the other one runs the same, and a switchover to it would not be refused; nobody is demoted, but for one that
 * stands aside so that the role stays where it is.
 */
export function pairAtRest(
  pair: readonly [Host, Host],
  servers: string,
): Promise<{ active: Host; passive: Host }> {
  return waitFor(
    "the pair comes to rest",
    async () => {
      const roles = pair.map(carpRole).join(" ");
      const [active, passive] = roles === "MASTER BACKUP" ? pair : [pair[1], pair[0]];
      if (roles !== "MASTER BACKUP" && roles !== "BACKUP MASTER") throw new Error(roles);
      const told = [active, passive].map(statusOf);
      const [leader, other] = told;
      if (leader === undefined || other === undefined) throw new Error("no status");
      const wrong = [
        leader.role !== "MASTER" && "the active one does not know that it is",
        leader.leads === null && "nobody leads",
        other.leads !== null && "the passive one leads",
        !leader.proxysql.serving && "the active one does not serve",
        passive.standby === "warm" && !other.proxysql.serving && "the passive one does not serve",
        passive.standby === "cold" && other.proxysql.up && "the passive one's ProxySQL runs",
        leader.running === null && "the active one runs nothing of ours",
        passive.standby === "warm" &&
          other.running?.text !== leader.running?.text &&
          "they run different things",
        leader.care.share !== 0 && `the active one has a share: ${leader.care.shareWhy}`,
        other.care.share !== 0 && other.care.shareWhy !== "switchover" && `a share: ${other.care.shareWhy}`,
        other.care.share !== 0 && !passive.preempt && "a share where nobody preempts",
        other.care.share !== 0 && passive.skew > active.skew && "a share that nothing needs",
        demotionOf(active) !== 0 && `the active one is demoted by ${demotionOf(active)}`,
        demotionOf(passive) !== other.care.share && `the passive one is demoted by ${demotionOf(passive)}`,
        ...told.map(
          ({ reasons }) =>
            reasons.some(({ severity }) => severity === "critical") &&
            `reasons: ${reasons.map(({ code }) => code).join(" ")}`,
        ),
        (await serversOf(active)) !== servers && `the active one has ${await serversOf(active)}`,
      ].filter((one) => one !== false);
      if (wrong.length > 0) throw new Error(wrong.join("; "));
      const { refusals } = await switchOver(active, { dryRun: true });
      if (refusals.length > 0) throw new Error(refusals.map(({ sentence }) => sentence).join(" "));
      return { active, passive };
    },
    patience,
    200,
  );
}

/** The switchover that the host performs at this moment, whoever has asked for it. */
export function runningSwitchover(host: Host): Promise<{ id: string }> {
  return waitFor(
    `${host.name} performs a switchover`,
    async () => {
      // A second one is refused, and what runs is named there; a dry one begins nothing in between.
      const { refusals } = await startSwitchover(host, { dryRun: true });
      const id = refusals
        .find(({ code }) => code === "running")
        ?.sentence.match(/switchover ([0-9a-f]{8})/)?.[1];
      return id === undefined ? undefined : { id };
    },
    patience,
    20,
  );
}
