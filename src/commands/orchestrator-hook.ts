import { join } from "node:path";
import { runDirOf } from "../config/run-dir.js";
import { askSocket } from "../control/client.js";
import type { FenceHint } from "../control/protocol.js";
import { isKnown, KnownError } from "../platform/errors.js";

const handOverDeadlineMs = 1_000;
/** Root, ProxySQL's user, the SSH link's user: whoever this runs as can reach one of them. */
const sockets = ["agent.sock", "fence.sock", "peer.sock"] as const;

/**
 * `orchestrator hook`: what Orchestrator's lists of hooks call, on this host or over SSH. It says no more than "ask now": the
 * agent believes what Orchestrator's leader answers, not what a hook was told. Always exit 0: a hook of
 * PreFailoverProcesses that fails would keep Orchestrator from the failover itself.
 */
export async function orchestratorHook(configFile: string): Promise<number> {
  try {
    const hook = hookOf(process.env);
    await handOver(await runDirOf(configFile), { op: "fence-hint", ...(hook === undefined ? {} : { hook }) });
  } catch (error) {
    if (!isKnown(error)) throw error;
    process.stderr.write(`proxysql-carp: ${error.message}\n`);
  }
  return 0;
}

async function handOver(runDir: string, request: FenceHint): Promise<void> {
  let last: KnownError | undefined;
  for (const name of sockets) {
    try {
      const answer = await askSocket(join(runDir, name), request, handOverDeadlineMs);
      if (answer.ok) return;
      throw new KnownError("not-done", answer.error);
    } catch (error) {
      if (!isKnown(error, "agent-unreachable")) throw error;
      // A socket that this user may not use says more than one that is not there.
      if (last === undefined || error.fields.systemCode === "EACCES") last = error;
    }
  }
  throw last ?? new KnownError("agent-unreachable", `No agent answers in ${runDir}.`);
}

/**
 * Orchestrator tells its hooks in ORC_* variables (go/logic/topology_recovery.go:318-356). Over SSH they do not come through;
 * there the words of the command that was asked for may say them: `ORC_FAILED_HOST=db1 ORC_FAILED_PORT=3306`.
 */
export function hookOf(env: NodeJS.ProcessEnv): FenceHint["hook"] {
  const words = (env.SSH_ORIGINAL_COMMAND ?? "").split(/\s+/);
  const said = (name: string, most: number): string =>
    (env[name] ?? words.find((word) => word.startsWith(`${name}=`))?.slice(name.length + 1) ?? "").slice(
      0,
      most,
    );
  const failure = said("ORC_FAILURE_TYPE", 100);
  const server = (kind: string): string => {
    const [host, port] = [said(`ORC_${kind}_HOST`, 253), said(`ORC_${kind}_PORT`, 5)];
    return host === "" ? "" : `${host}:${port}`;
  };
  const hook = {
    command: said("ORC_COMMAND", 100),
    failure,
    failed: server("FAILED"),
    successor: server("SUCCESSOR"),
    recovery: said("ORC_RECOVERY_UID", 300),
  };
  const told = Object.entries(hook).filter(([, value]) => value !== "");
  return told.length === 0 ? undefined : Object.fromEntries(told);
}
