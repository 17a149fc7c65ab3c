import { readFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "./layers.js";
import { log } from "./log.js";

/**
 * What `monitor.json` in the data directory says of a server, by `host:port`. Servers that it does not name are not
 * looked at. Whoever writes it renames it into place.
 */
export interface MonitoredServer {
  /** Its answer to the check. */
  readOnly?: boolean;
  /** False: every check times out. */
  alive?: boolean;
  /** True: as after failed pings, every ONLINE row becomes SHUNNED. False: SHUNNED rows become ONLINE again. */
  shunned?: boolean;
}

const NAME = "monitor.json";

/** Reads the control file. Undefined when there is none, or one that is no JSON. */
export function readMonitorFile(datadir: string): Map<string, MonitoredServer> | undefined {
  let text: string;
  try {
    text = readFileSync(join(datadir, NAME), "utf8");
  } catch {
    return undefined;
  }
  try {
    return new Map(Object.entries(JSON.parse(text) as Record<string, MonitoredServer>));
  } catch (error) {
    log("ERROR", `${NAME}: ${messageOf(error)}`);
    return undefined;
  }
}
