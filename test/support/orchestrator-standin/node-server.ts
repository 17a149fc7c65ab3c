import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import { answerData, answerWrite, failure, type Reply } from "./answers.js";
import { reaches, refuse, send, spoil, usualReach } from "./misbehave.js";
import type {
  Authentication,
  Misbehaviour,
  NodeReport,
  NodeSpec,
  Reach,
  StandinOptions,
} from "./protocol.js";
import { NodeStanding, uriOf } from "./standing.js";
import type { World } from "./world.js";

/** Asks another node in this node's stead; undefined when it does not answer. */
type Proxy = (to: number, path: readonly string[], authorized: boolean) => Reply | undefined;

const writes = [
  "begin-downtime",
  "end-downtime",
  "graceful-master-takeover",
  "graceful-master-takeover-auto",
];
const requestsKept = 1_000;

/** The HTTP side of one node. */
export class NodeServer {
  readonly #world: World;
  readonly #options: StandinOptions;
  readonly #index: number;
  readonly #spec: NodeSpec;
  readonly #proxy: Proxy;
  readonly #standing: NodeStanding;
  readonly #sockets = new Set<Socket>();
  readonly #requests: string[] = [];
  #server: Server | undefined;
  #auth: Authentication;
  #connections = 0;
  #wrong: { readonly how: Misbehaviour; readonly reach: Reach } | undefined;
  /** Answers as they were when an old state began, by path. */
  #frozen = new Map<string, Reply>();

  constructor(world: World, options: StandinOptions, index: number, spec: NodeSpec, proxy: Proxy) {
    this.#world = world;
    this.#options = options;
    this.#index = index;
    this.#spec = spec;
    this.#proxy = proxy;
    this.#auth = options.auth;
    this.#standing = new NodeStanding(world, options, index);
  }

  async listen(): Promise<void> {
    const { tls } = this.#options;
    const handle = (request: IncomingMessage, response: ServerResponse): void =>
      this.#handle(request, response);
    const server =
      tls === undefined
        ? createServer(handle)
        : createTlsServer({ cert: readFileSync(tls.cert), key: readFileSync(tls.key) }, handle);
    // As in Go, an idle connection is kept.
    server.keepAliveTimeout = 0;
    server.on("connection", (socket: Socket) => {
      this.#connections += 1;
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#spec.port, this.#spec.host, resolve);
    });
  }

  /** As kill -9: all connections are gone. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  misbehave(how: Misbehaviour | null, reach?: Reach): void {
    this.#wrong = how === null ? undefined : { how, reach: reach ?? usualReach(how) };
    this.#frozen = new Map();
    if (how !== "old-state") return;
    for (const name of ["downtimed", "all-instances", "audit-recovery"]) {
      this.#frozen.set(name, structuredClone(this.#data([name])));
    }
  }

  setAuthentication(auth: Authentication): void {
    this.#auth = auth;
  }

  /** Answers a request that arrived here or was passed on by a follower. */
  answer(parts: readonly string[], authorized: boolean): Reply {
    const [name = "", argument] = parts;
    const standing = this.#standing.answer(name, argument, this.#wrong?.how !== "old-state");
    if (standing !== undefined) return standing;
    const { state, leader } = this.#node();
    if (this.#options.raft && leader !== null && leader !== this.#index) {
      // The leader cannot be reached: a bare 502.
      return this.#proxy(leader, parts, authorized) ?? { status: 502, document: undefined };
    }
    if (!writes.includes(name))
      return spoil(this.#how(name), name, this.#frozen.get(parts.join("/")) ?? this.#data(parts));
    const leads = !this.#options.raft || state === "Leader";
    if (!authorized || !leads) return failure("Unauthorized");
    return answerWrite(this.#world, parts) ?? failure("not understood");
  }

  report(): NodeReport {
    const { alive, cut, state, leader } = this.#node();
    const url = `${uriOf(this.#options, this.#spec)}${this.#options.prefix}`;
    return { url, alive, cut, state, leader, connections: this.#connections, requests: [...this.#requests] };
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const path = (request.url ?? "").split("?", 1)[0] ?? "";
    this.#requests.push(path);
    if (this.#requests.length > requestsKept) this.#requests.shift();
    const lead = `${this.#options.prefix}/api/`;
    if (!path.startsWith(lead)) {
      response.writeHead(404).end("404 page not found");
      return;
    }
    const parts = path.slice(lead.length).split("/").map(decodeURIComponent);
    const may = this.#authorized(request);
    if (may === "nothing") refuse(response);
    else send(response, this.#how(parts[0] ?? ""), this.answer(parts, may === "all"));
  }

  #authorized({ headers }: IncomingMessage): "nothing" | "reads" | "all" {
    const auth = this.#auth;
    if (auth.kind === "none") return "all";
    if (auth.kind === "basic") {
      const expected = Buffer.from(`${auth.user}:${auth.password}`).toString("base64");
      return headers.authorization === `Basic ${expected}` ? "all" : "nothing";
    }
    if ((headers.cookie ?? "").split("; ").includes(`access-token=${auth.token}`)) return "all";
    return auth.reads === true ? "nothing" : "reads";
  }

  #how(name: string): Misbehaviour | undefined {
    const wrong = this.#wrong;
    return wrong !== undefined && reaches(wrong.reach, name) ? wrong.how : undefined;
  }

  #data(parts: readonly string[]): Reply {
    return answerData(this.#world, this.#world.dataOf(this.#index), parts);
  }

  #node() {
    const node = this.#world.raft.nodes[this.#index];
    if (node === undefined) throw new Error(`there is no node ${this.#index}`);
    return node;
  }
}
