import { monotonic, poll } from "../platform/clock.js";
import { isKnown, KnownError, sentenceOf } from "../platform/errors.js";
import { knockAt } from "../proxysql/observe.js";
import { shortfalls } from "../proxysql/prove.js";
import { runService } from "../proxysql/service.js";
import type { AgentContext } from "./context.js";
import type { Observer } from "./observer.js";

const stopDeadlineMs = 15_000;
/** Short against ProxySQL's own start (some 150 ms to the client port), long against a refused connect. */
const pollMs = 10;
/** Counting takes milliseconds; this is for a machine that is busy. */
const leastCountMs = 2_000;

/** Starts ProxySQL by its rc service. Whether it came up is for `prove`: the exit code is only a detail. */
export async function startProxysql(
  { config, admin, care, switchover }: AgentContext,
  observer: Observer,
  signal: AbortSignal,
): Promise<string> {
  admin.disconnect();
  // None that starts is paused.
  switchover.noteResume();
  observer.noteStart();
  care.noteStart();
  const { code, output } = await runService(config.proxysql.service, "onestart", signal);
  // rc.subr's words, for which it ends with 1 as well.
  if (code !== 0 && !output.includes("already running")) care.noteRefused();
  return code === 0 ? "asked" : `the rc script ended with ${code ?? "a signal"}: ${output}`;
}

/** Waits until admin, content and client port are all as they should be, at most `start_timeout`. */
export async function proveProxysql(
  { config, admin, installed, log, care, trial, state }: AgentContext,
  observer: Observer,
  signal: AbortSignal,
): Promise<string> {
  const { start_timeout, client_host, client_port } = config.proxysql;
  const began = monotonic();
  const fresh = Object.keys(installed.rows).length > 0;
  let drift: string[] = [];
  let greeted = false;
  let last: unknown = new Error("it was not looked at");
  const proven = await poll(
    async () => {
      try {
        // First of all: before its client port is open ProxySQL has not made all its modules, and to ask for the runtime
        // of one that is missing kills it (seen with 2.7.1).
        if (!greeted) {
          const greeting = await knockAt({ host: client_host, port: client_port });
          if (!greeting.ok)
            throw new KnownError("proxysql-unproven", `The client port does not serve: ${greeting.why}.`);
          greeted = true;
        }
        const lacks = await shortfalls(admin, installed.rows);
        // After an install ProxySQL has just read that database, so all of it must run. Otherwise rows that are saved
        // and not loaded are an operator's doing, and no reason to refuse the role.
        if (lacks.length > 0 && fresh)
          throw new KnownError("proxysql-unproven", `ProxySQL lacks ${lacks.join("; ")}.`);
        drift = lacks;
        return true;
      } catch (error) {
        if (!isKnown(error)) throw error;
        last = error;
        return undefined;
      }
    },
    start_timeout,
    pollMs,
    signal,
  );
  observer.forgetGreeting();
  if (proven) {
    installed.rows = {};
    trial.proven(state.running);
    for (const lack of drift) log.warn({ lack }, "ProxySQL does not run all that is saved");
    return `serving after ${Math.round(monotonic() - began)} ms`;
  }
  if (signal.aborted) throw new KnownError("not-done", "The role changed before ProxySQL was proven.");
  const sentence = `ProxySQL did not serve within ${start_timeout} ms: ${sentenceOf(last)}`;
  // What the service did not even start says nothing about the snapshot: passed over, it would be missing later.
  if (!care.startRefused) trial.unproven(sentence, state.running);
  care.noteUnproven();
  throw new KnownError("proxysql-unproven", sentence, {}, last);
}

/** Refuses new clients. Sessions that are there go on, so this is a gate and no fence. */
export async function pauseClients({ admin }: AgentContext): Promise<undefined> {
  await admin.exec("PROXYSQL PAUSE");
}

export async function resumeClients(
  { admin, switchover }: AgentContext,
  observer: Observer,
): Promise<undefined> {
  observer.forgetGreeting();
  await admin.exec("PROXYSQL RESUME");
  switchover.noteResume();
}

/**
 * Waits for clients to leave by themselves, at most `drain_timeout`; those who stay are cut by the stop. The port is
 * closed meanwhile, so an admin that does not tell how many there are is waited for no longer than the clients.
 */
export async function drainClients({ admin, config }: AgentContext, signal: AbortSignal): Promise<string> {
  const end = monotonic() + config.proxysql.drain_timeout;
  let connected = 0;
  const empty = await poll(
    async () => {
      const [row] = await admin.query(
        "SELECT variable_value FROM stats_mysql_global WHERE variable_name='Client_Connections_connected'",
        Math.max(leastCountMs, Math.round(end - monotonic())),
      );
      connected = Number(Object.values(row ?? {})[0] ?? 0);
      return connected === 0 ? true : undefined;
    },
    config.proxysql.drain_timeout,
    50,
    signal,
  );
  return empty ? "no clients left" : `${connected} clients stayed`;
}

/** Stops ProxySQL in order to start it anew. One that cannot be stopped counts as a try all the same. */
export async function haltProxysql(node: AgentContext, observer: Observer): Promise<string> {
  try {
    return await stopProxysql(node, observer);
  } catch (error) {
    node.care.noteStart();
    throw error;
  }
}

/** Stops ProxySQL by its rc service and waits until nobody listens any more. */
export async function stopProxysql({ config, admin }: AgentContext, observer: Observer): Promise<string> {
  const { service, client_host, client_port, admin_host, admin_port } = config.proxysql;
  admin.disconnect();
  const { code, output } = await runService(service, "onestop");
  observer.noteStop();
  const gone = await poll(
    async () => {
      const ports = [
        await knockAt({ host: client_host, port: client_port }),
        await knockAt({ host: admin_host, port: admin_port }),
      ];
      return ports.every((port) => !port.ok && port.refused) ? true : undefined;
    },
    stopDeadlineMs,
    pollMs,
  );
  if (gone) return "nobody listens";
  throw new KnownError(
    "proxysql-not-stopped",
    `ProxySQL still listens ${stopDeadlineMs} ms after \`service ${service} onestop\` (exit ${code ?? "by signal"}: ${output}).`,
  );
}

/** Puts the jobs on disk to work: memory may lack them after `hushScheduler` was cut short. */
export async function runScheduler({ admin }: AgentContext): Promise<undefined> {
  await admin.exec("LOAD SCHEDULER FROM DISK");
  await admin.exec("LOAD SCHEDULER TO RUNTIME");
}

/** Stops the jobs of this passive node; memory and disk keep them. */
export async function hushScheduler({ admin }: AgentContext): Promise<undefined> {
  await admin.exec("DELETE FROM scheduler");
  await admin.exec("LOAD SCHEDULER TO RUNTIME");
  await admin.exec("LOAD SCHEDULER FROM DISK");
}
