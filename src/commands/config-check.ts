import { loadAgentConfig } from "../agent/agent-config.js";

/** `config check`: reads the file as the agent would and says that it is good, or fails with every mistake in it. */
export async function checkConfig(configFile: string): Promise<number> {
  const { node, peer } = loadAgentConfig(configFile);
  process.stdout.write(
    `${configFile}: good; node ${node.name}, peers ${peer.map(({ name }) => name).join(", ")}\n`,
  );
  return 0;
}
