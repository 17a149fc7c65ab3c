import type { Server, Socket } from "node:net";
import { monotonic } from "../platform/clock.js";

/** Connections at once. Health checkers, a scraper and a few people need a handful. */
const connectionLimit = 64;
/** Of them for one address, elsewhere than on loopback: one host must not keep the load balancer out. */
const connectionsOfOne = 16;
/** A connection this old gets `Connection: close` with its next answer ... */
const oldMs = 30_000;
/** ... and is cut when it is this old, whatever it is doing: who reads one byte a minute would stay for good. */
const longestMs = 60_000;

/** Bounds the number of connections to a server and how long each of them lasts. */
export class Connections {
  readonly #since = new WeakMap<Socket, number>();
  readonly #ofAddress = new Map<string, number>();
  readonly #shared: boolean;

  /** `shared`: everyone comes from the same address, as on loopback. */
  constructor(server: Server, shared: boolean) {
    this.#shared = shared;
    server.maxConnections = connectionLimit;
    server.on("connection", (socket: Socket) => this.#admit(socket));
  }

  /** True if it is time that this connection ends. */
  isOld(socket: Socket): boolean {
    return monotonic() - (this.#since.get(socket) ?? 0) > oldMs;
  }

  #admit(socket: Socket): void {
    const address = socket.remoteAddress ?? "";
    const others = this.#ofAddress.get(address) ?? 0;
    if (!this.#shared && others >= connectionsOfOne) {
      socket.destroy();
      return;
    }
    this.#since.set(socket, monotonic());
    this.#ofAddress.set(address, others + 1);
    const timer = setTimeout(() => socket.destroy(), longestMs);
    socket.once("close", () => {
      clearTimeout(timer);
      const left = (this.#ofAddress.get(address) ?? 1) - 1;
      if (left > 0) this.#ofAddress.set(address, left);
      else this.#ofAddress.delete(address);
    });
  }
}
