/**
 * Stands in for FreeBSD's devd: node build/test/support/host/devd.js --conf FILE... --events FIFO [--pipe SOCKET]
 *   [--log FILE] [--drop-if FILE] [--map FROM=TO]...
 *
 * It takes event lines from a FIFO (the kernel's queue: writers go on while an action runs), shows each to the
 * clients of the stream socket, as /var/run/devd.pipe does, and then runs the actions of the one block that
 * devd would choose, one after the other, doing nothing else meanwhile.
 *
 * --map replaces text in the configuration before it is parsed. The project's file names the hook by the path it
 * has on a FreeBSD host, which a test does not write to:
 * `--map "/usr/local/libexec/proxysql-carp-notify=PROXYSQL_CARP_RUN_DIR=... /checkout/devd/proxysql-carp-notify"`.
 * --drop-if: while this file exists events are lost, as on an overflow of the kernel's queue.
 */
import { spawnSync } from "node:child_process";
import { appendFileSync, constants, existsSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, Socket } from "node:net";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { DevdSyntaxError, parseDevdConfig } from "./devd-config.js";
import { chooseBlock, expandAction, parseEvent } from "./devd-event.js";
import { type ActionResult, findShell, runAction } from "./devd-shell.js";

/** One line of the log. `ms` is how long devd was blocked. */
export type DevdLogEntry = {
  readonly at: string;
  readonly event: string;
  readonly dropped?: true;
  readonly line?: number;
  readonly ms?: number;
  readonly actions?: readonly ActionResult[];
};

const clientLimit = 10;

function main(): void {
  const { values } = parseArgs({
    options: {
      conf: { type: "string", multiple: true, default: [] },
      events: { type: "string" },
      pipe: { type: "string" },
      log: { type: "string" },
      "drop-if": { type: "string" },
      map: { type: "string", multiple: true, default: [] },
    },
  });
  if (values.conf.length === 0 || values.events === undefined) {
    throw new Error(
      "usage: devd --conf FILE --events FIFO [--pipe SOCKET] [--log FILE] [--drop-if FILE] [--map FROM=TO]",
    );
  }
  const blocks = values.conf.flatMap((file) =>
    parseDevdConfig(mapped(readFileSync(file, "utf8"), values.map), file),
  );
  const shell = findShell();
  const clients = values.pipe === undefined ? new Set<Socket>() : serveClients(values.pipe);

  readEvents(values.events, (event) => {
    const entry = { at: new Date().toISOString(), event };
    if (values["drop-if"] !== undefined && existsSync(values["drop-if"])) {
      record(values.log, { ...entry, dropped: true });
      return;
    }
    for (const client of clients) {
      client.write(`${event}\n`);
    }
    const variables = parseEvent(event);
    const block = variables && chooseBlock(blocks, variables);
    if (variables === undefined || block === undefined) {
      record(values.log, entry);
      return;
    }
    const actions = block.actions.map((action) => runAction(shell, expandAction(action, variables)));
    const ms = Number(actions.reduce((sum, action) => sum + action.ms, 0).toFixed(2));
    record(values.log, { ...entry, line: block.line, ms, actions });
  });
  process.stdout.write("ready\n");
}

function mapped(source: string, maps: readonly string[]): string {
  let result = source;
  for (const map of maps) {
    const at = map.indexOf("=");
    result = result.replaceAll(map.slice(0, at), () => map.slice(at + 1));
  }
  return result;
}

/** Opened for writing as well, so that no writer ever waits for a reader and the end is never reached. */
function readEvents(path: string, handle: (line: string) => void): void {
  if (!existsSync(path)) {
    spawnSync("mkfifo", ["-m", "600", path]);
  }
  if (!statSync(path).isFIFO()) {
    throw new Error(`${path} is not a FIFO: give --events a path that is free or a FIFO`);
  }
  const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  createInterface({ input: new Socket({ fd, readable: true, writable: false }) }).on("line", handle);
}

function serveClients(path: string): Set<Socket> {
  const clients = new Set<Socket>();
  rmSync(path, { force: true });
  const server = createServer((client) => {
    clients.add(client);
    client.on("error", () => client.destroy());
    client.on("close", () => clients.delete(client));
    client.resume();
  });
  server.maxConnections = clientLimit;
  server.listen({ path, readableAll: true, writableAll: true });
  return clients;
}

function record(file: string | undefined, entry: DevdLogEntry): void {
  if (file !== undefined) {
    appendFileSync(file, `${JSON.stringify(entry)}\n`);
  }
}

try {
  main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`devd: ${message}\n`);
  process.exitCode = error instanceof DevdSyntaxError ? 1 : 2;
}
