import { setTimeout as sleep } from "node:timers/promises";
import type { Instance } from "./instance.js";
import { log } from "./log.js";
import { type Answer, adminError, ok } from "./session.js";
import { createOrCheckTls } from "./tls-files.js";

const NOT_RUNNING = "ProxySQL MySQL module not running, impossible to";

/**
 * `PROXYSQL ...` (lib/ProxySQL_Admin.cpp:1592-1942). Undefined for one that ProxySQL does not know: SQLite then
 * complains about it. `command` is in upper case.
 */
export async function proxysqlCommand(instance: Instance, command: string): Promise<Answer | undefined> {
  const action = command.slice("PROXYSQL ".length);
  log("INFO", `Received ${command} command`);
  switch (action) {
    case "SHUTDOWN":
    case "KILL":
      // No answer: the client sees its connection drop.
      process.exit(0);
      break;
    case "SHUTDOWN SLOW":
      instance.client.stop();
      await sleep(500);
      process.exit(0);
      break;
    case "PAUSE":
      return pause(instance);
    case "RESUME":
      return resume(instance);
    case "START":
      return start(instance);
    case "STOP":
      await instance.restart(false);
      // Seen live: the session that asked for it gets no other answer, other sessions go on.
      return { kind: "ok", affectedRows: 0, info: "", last: true };
    case "RESTART":
      void instance.restartAll();
      return { kind: "none" };
    case "READONLY":
    case "READWRITE":
      instance.readOnly = action === "READONLY";
      return ok();
    case "FLUSH CONFIGDB":
      log("WARNING", "A misconfigured configdb will cause undefined behaviors");
      await instance.store.reopenDisk();
      return ok();
    case "RELOAD TLS":
      return createOrCheckTls(instance.datadir) ? ok() : adminError("RELOAD TLS failed");
    case "FLUSH LOGS":
    case "FLUSH QUERY CACHE":
    case "FLUSH MYSQL CLIENT HOSTS":
      return ok();
    default:
      return undefined;
  }
}

function pause(instance: Instance): Answer {
  if (!instance.started) return adminError(`${NOT_RUNNING} pause`);
  if (instance.client.paused)
    return adminError("ProxySQL MySQL module is already paused, impossible to pause");
  instance.client.pause();
  return forEachProtocol(instance);
}

async function resume(instance: Instance): Promise<Answer> {
  if (!instance.started) return adminError(`${NOT_RUNNING} resume`);
  if (!instance.client.paused) return adminError("ProxySQL MySQL module is not paused, impossible to resume");
  await instance.client.open();
  return forEachProtocol(instance);
}

/**
 * 3.0.0-alpha answers PAUSE so that mysql2 gives the connection up: as the recording shows it, consistent with one OK
 * for MySQL and another for PostgreSQL.
 */
function forEachProtocol(instance: Instance): Answer {
  const twice = instance.personality.version === "3.0.0-alpha";
  return { kind: "ok", affectedRows: 0, info: "", twice };
}

/** OK comes before the servers are in runtime and the client port is open, as in the real one. */
function start(instance: Instance): Answer {
  if (instance.started) return adminError("ProxySQL already started");
  instance.startSoon();
  return ok();
}
