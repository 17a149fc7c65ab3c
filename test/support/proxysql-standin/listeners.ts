import { unlinkSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { log } from "./log.js";

/** The listening sockets of one list of interfaces such as `0.0.0.0:6032;/tmp/proxysql_admin.sock`. */
export class Listeners {
  #servers: Server[] = [];
  readonly #accept: (socket: Socket) => void;

  constructor(accept: (socket: Socket) => void) {
    this.#accept = accept;
  }

  /** Opens all interfaces. One that cannot be bound is logged only, as in ProxySQL (lib/network.cpp:54-66). */
  async open(interfaces: string): Promise<void> {
    for (const item of interfaces.split(/[;,\s]+/).filter((part) => part !== "")) await this.#listen(item);
  }

  /** Stops listening at once; sessions that exist go on. */
  close(): void {
    for (const server of this.#servers) server.close();
    this.#servers = [];
  }

  async #listen(item: string): Promise<void> {
    const server = createServer(this.#accept);
    const address = parseInterface(item);
    if ("path" in address) removeSocket(address.path);
    const failure = await new Promise<Error | undefined>((resolve) => {
      server.once("error", resolve);
      server.listen(address, () => resolve(undefined));
    });
    if (failure !== undefined) {
      log("ERROR", `bind(): ${failure.message}`);
      return;
    }
    server.on("error", (error) => log("ERROR", error.message));
    this.#servers.push(server);
  }
}

/** `host:port`, `[v6]:port`, or the path of a Unix socket: anything whose port part is no number. */
function parseInterface(item: string): { host: string; port: number } | { path: string } {
  const match = /^\[?(.+?)\]?:(\d+)$/.exec(item);
  const port = Number(match?.[2] ?? 0);
  if (match === null || port === 0) return { path: item };
  return { host: match[1] ?? "", port };
}

function removeSocket(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It did not exist.
  }
}
