import { serveControl } from "./control.js";
import { NodeServer } from "./node-server.js";
import type { StandinOptions } from "./protocol.js";
import { World } from "./world.js";

// A program that behaves like the nodes of an Orchestrator 3.2.6 as far as its API tells of leaders, downtimes, topology
// and recoveries. Its one argument is a StandinOptions as JSON; it says "ready", and ends when its stdin does.

async function main(): Promise<void> {
  const options = JSON.parse(process.argv[2] ?? "{}") as StandinOptions;
  const world = new World(options);
  const servers: NodeServer[] = options.nodes.map(
    (spec, index) =>
      new NodeServer(world, options, index, spec, (to, parts, authorized) =>
        world.raft.connected(index, to) ? servers[to]?.answer(parts, authorized) : undefined,
      ),
  );
  for (const server of servers) await server.listen();
  await serveControl(options.control, world, servers);
  process.stdin.on("end", () => process.exit(0)).resume();
  process.stdout.write("ready\n");
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
  process.exit(1);
});
