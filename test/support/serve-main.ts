import type { ServeOptions } from "../../src/peer/serve.js";
import { serveProcess } from "../../src/peer/serve-process.js";

/** The serving side without the command line: `node serve-main.js '{"stateDir":...,"runDir":...,"node":"b"}'`. */
const options = JSON.parse(process.argv[2] ?? "{}") as Omit<ServeOptions, "input" | "output" | "signal">;
await serveProcess(options);
