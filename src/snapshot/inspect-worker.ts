import { parentPort, workerData } from "node:worker_threads";
import { inspectFile } from "./inspect-file.js";

/** The worker thread of `inspectDatabase`: one file in, one inspection out. */
parentPort?.postMessage(inspectFile(String(workerData)));
