import { version } from "../agent/version.js";
import { loadConfig } from "../config/load.js";
import { serve } from "../peer/serve.js";

/** `serve`: the forced command of the peer's key. Speaks the link's protocol on stdin and stdout. */
export async function serveLink(configFile: string): Promise<number> {
  const { node } = loadConfig(configFile);
  await serve({
    stateDir: node.state_dir,
    runDir: node.run_dir,
    node: node.name,
    version,
    input: process.stdin,
    output: process.stdout,
  });
  return 0;
}
