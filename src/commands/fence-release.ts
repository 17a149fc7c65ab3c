import { loadConfig } from "../config/load.js";
import { parseServer, serverName } from "../fence/server.js";
import { KnownError } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import { askAgent } from "./ask-agent.js";

const roles = {
  replica: "as a replica: its rows in writer hostgroups are gone",
  master: "as the master of its cluster",
  unknown: "as it was before",
} as const;

/** `fence release HOST:PORT`: takes a fence off by hand. */
export async function fenceRelease(
  configFile: string,
  text: string,
  { force = false, json }: { force?: boolean; json?: boolean },
): Promise<number> {
  const server = parseServer(text);
  if (server === undefined) {
    throw new KnownError("usage", `Expected a server as HOST:PORT, found "${printable(text)}".`);
  }
  const config = loadConfig(configFile);
  const { role } = await askAgent(config, { op: "fence-release", ...server, force }, 20_000);
  const document = { schema: "proxysql-carp/fence-release/v1", node: config.node.name, server, role };
  if (json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
  else {
    process.stdout.write(`${serverName(server)} is used again, ${roles[role as keyof typeof roles]}.\n`);
  }
  return 0;
}
