import { createServer, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import type { NodeServer } from "./node-server.js";
import type { Operations } from "./protocol.js";
import type { World } from "./world.js";

/** What every operation of the control socket does. */
type Handlers = {
  readonly [Name in keyof Operations]: (
    parameters: Parameters<Operations[Name]>[0],
  ) => ReturnType<Operations[Name]> | Promise<ReturnType<Operations[Name]>>;
};

/** Serves the control socket: `POST /NAME`, parameters and result as JSON, 400 with a text for what cannot be done. */
export function serveControl(path: string, world: World, servers: readonly NodeServer[]): Promise<void> {
  const handlers = handlersOf(world, servers);
  const server = createServer((request, response) => {
    perform(handlers, request).then(
      (result) => response.end(JSON.stringify(result ?? null)),
      (error: unknown) => response.writeHead(400).end(error instanceof Error ? error.message : String(error)),
    );
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
}

async function perform(handlers: Handlers, request: IncomingMessage): Promise<unknown> {
  const name = (request.url ?? "").slice(1);
  if (!Object.hasOwn(handlers, name)) throw new Error(`there is no operation ${name}`);
  const handler = handlers[name as keyof Operations] as (parameters: unknown) => unknown;
  return handler(JSON.parse(await text(request)));
}

function handlersOf(world: World, servers: readonly NodeServer[]): Handlers {
  const serverAt = (index: number): NodeServer => {
    const server = servers[index];
    if (server === undefined) throw new Error(`there is no node ${index}`);
    return server;
  };
  const nodeAt = (index: number) => {
    serverAt(index);
    return world.raft.nodes[index] as (typeof world.raft.nodes)[number];
  };
  return {
    setTopology: ({ instances }) => world.setTopology(instances),
    setInstance: ({ key, change }) => world.topology.change(key, change),
    failMaster: ({ alias, recover, successor }) => world.failMaster(alias, recover, successor),
    recordRecovery: ({ failed, successor }) => world.recordRecovery(failed, successor),
    addRecoveries: ({ count, failed, successor, alias }) => {
      world.addRecoveries(count, failed, successor, alias);
    },
    loseInRecovery: ({ key }) => world.loseInRecovery(key),
    killNode: async ({ node }) => {
      nodeAt(node).alive = false;
      await serverAt(node).kill();
      world.raft.settle();
    },
    reviveNode: async ({ node }) => {
      await serverAt(node).listen();
      world.raft.revive(node);
    },
    minority: ({ nodes }) => {
      for (const node of world.raft.nodes) node.cut = nodes.includes(node.index);
      world.raft.settle();
    },
    setElection: (times) => world.raft.setTimes(times),
    misbehave: ({ node, how, reach }) => serverAt(node).misbehave(how, reach),
    setAuthentication: (auth) => {
      for (const server of servers) server.setAuthentication(auth);
    },
    call: ({ path }) => {
      if (world.leader === undefined) throw new Error("there is no leader");
      const { status, document } = serverAt(world.leader).answer(
        path.split("/").map(decodeURIComponent),
        true,
      );
      if (status !== 200) throw new Error(`HTTP ${status}: ${JSON.stringify(document)}`);
      return document;
    },
    report: () => servers.map((server) => server.report()),
  };
}
