import { join } from "node:path";
import { z } from "zod";
import type { Config } from "../config/schema.js";
import { askSocket } from "../control/client.js";
import { isKnown, KnownError } from "../platform/errors.js";
import { failedWith, failing, notChecked, ok, type Verdict, warning } from "./verdict.js";

const answerMs = 5_000;

/** What of the agent's status the doctor reads. An older agent tells less. */
const statusSchema = z.object({
  version: z.string(),
  node: z.string(),
  role: z.enum(["MASTER", "BACKUP", "INIT", "unknown"]),
  alive: z.object({ ok: z.boolean(), why: z.string().nullable() }).optional(),
  reasons: z.array(z.object({ code: z.string(), sentence: z.string() })).optional(),
  /** Digest of the configuration that it runs with. */
  configuration: z.string().optional(),
});
export type AgentStatus = z.infer<typeof statusSchema>;

/** The running agent's status. None, or one that does not answer: `agent-unreachable`. */
export async function askAgent({ node }: Config): Promise<AgentStatus> {
  const path = join(node.run_dir, "agent.sock");
  const answer = await askSocket(path, { op: "status" }, answerMs).catch((error: unknown) => {
    if (!isKnown(error, "deadline")) throw error;
    throw new KnownError("agent-unreachable", error.message, {}, error);
  });
  const status = statusSchema.safeParse("status" in answer ? answer.status : undefined);
  if (status.success) return status.data;
  throw new KnownError("agent-unreachable", `What answers on ${path} gives no status that can be read.`);
}

export function judgeAgent(status: AgentStatus): Verdict {
  const { alive, node, role } = status;
  if (alive?.ok === false)
    return failing(
      alive.why ?? "Its loops do not turn.",
      "`service proxysql_carp restart`; its log tells what it did last.",
    );
  return ok(`answers as node ${node}, role ${role}`);
}

/** `error`: of asking it. */
export function judgeSilence(error: unknown): Verdict {
  const isForbidden = isKnown(error) && error.fields.systemCode === "EACCES";
  return failedWith(error, isForbidden ? "Run this as root: the agent answers nobody else." : undefined);
}

export function judgeAgentVersion({ version }: AgentStatus, ours: string): Verdict {
  if (version === ours) return ok(`${version}, as this program`);
  return warning(
    `The running agent is version ${version}, this program ${ours}: it has not been restarted since the update.`,
    "`service proxysql_carp restart`, on the passive node first.",
  );
}

/** `digest`: of the configuration as the file has it now. */
export function judgeAgentConfiguration({ configuration }: AgentStatus, digest: string): Verdict {
  if (configuration === undefined)
    return notChecked("the running agent does not tell what configuration it has");
  if (configuration === digest) return ok("the agent runs with what the file says");
  return warning(
    "The file says something else than the agent runs with.",
    "`proxysql-carp config check`, then `service proxysql_carp reload`.",
  );
}

export function judgeReasons({ reasons }: AgentStatus): Verdict {
  if (reasons === undefined || reasons.length === 0) return ok("none: a failover would work");
  const codes = [...new Set(reasons.map(({ code }) => code))].join(", ");
  return warning(`The agent has reasons: ${codes}.`, "`proxysql-carp reasons` says what they are about.");
}
