import { join } from "node:path";
import { adminAddress } from "../config/admin-address.js";
import { loadConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import { askSocket } from "../control/client.js";
import { type RunOnceResult, runFenceOnce } from "../fence/standalone.js";
import { isKnown, KnownError } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import { AdminClient } from "../proxysql/admin-client.js";

/** A pass may wait for Orchestrator's timeouts, and for one before it. */
const passDeadlineMs = 30_000;

/**
 * `fence run-once`: for a row in ProxySQL's scheduler, so it needs no environment, and two at once do no harm. With an
 * agent it has that one ask Orchestrator now; without one it does so itself. Exit 1 if ProxySQL does not keep to what is fenced, 3 if
 * Orchestrator does not answer.
 */
export async function fenceRunOnce(configFile: string, { json }: { json?: boolean }): Promise<number> {
  const config = loadConfig(configFile);
  const result = (await askRunning(config)) ?? (await runHere(config));
  const document = { schema: "proxysql-carp/fence-run/v1", node: config.node.name, ...result };
  process.stdout.write(json ? `${JSON.stringify(document, null, 2)}\n` : format(result));
  if (result.problem !== null) return 1;
  return result.silence === null ? 0 : 3;
}

type Result = RunOnceResult & { readonly by: "agent" | "run-once" };

/** undefined if no agent runs. An agent that runs and does not answer is not overtaken: two would undo each other's work. */
async function askRunning({ node }: Config): Promise<Result | undefined> {
  for (const name of ["fence.sock", "agent.sock"]) {
    try {
      const answer = await askSocket(join(node.run_dir, name), { op: "fence-now" }, passDeadlineMs);
      if (!answer.ok) throw new KnownError("not-done", answer.error);
      return {
        by: "agent",
        ran: true,
        fenced: answer.fenced as string[],
        problem: answer.problem as string | null,
        silence: answer.silence as string | null,
      };
    } catch (error) {
      if (!isKnown(error, "agent-unreachable") || !isAway(error, name)) throw error;
    }
  }
  return undefined;
}

/** Of the socket that is not for this user nothing can be said; the other one has told by then. */
function isAway({ fields }: KnownError, name: string): boolean {
  if (name === "agent.sock" && fields.systemCode === "EACCES") return true;
  return fields.systemCode === "ENOENT" || fields.systemCode === "ECONNREFUSED";
}

async function runHere(config: Config): Promise<Result> {
  const admin = new AdminClient(adminAddress(config));
  try {
    return { by: "run-once", ...(await runFenceOnce(config, admin)) };
  } finally {
    admin.end();
  }
}

function format({ ran, fenced, problem, silence }: Result): string {
  if (!ran) return "Another one is at work.\n";
  const lines = [
    fenced.length === 0 ? "No server is fenced." : `Fenced: ${fenced.map(printable).join(", ")}.`,
  ];
  if (silence !== null) lines.push(`Orchestrator does not answer: ${printable(silence)}`);
  if (problem !== null) lines.push(`ProxySQL does not keep to this: ${printable(problem)}`);
  return `${lines.join("\n")}\n`;
}
