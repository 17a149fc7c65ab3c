import { version } from "../agent/version.js";
import { loadConfig } from "../config/load.js";
import { serveProcess } from "../peer/serve-process.js";

/** `serve`: the forced command of the peer's key. Speaks the link's protocol on stdin and stdout. */
export async function serveLink(configFile: string): Promise<number> {
  const { node } = loadConfig(configFile);
  await serveProcess({ stateDir: node.state_dir, runDir: node.run_dir, node: node.name, version });
  return 0;
}
