import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type CnfGroup, cnfText, parseCnf } from "./cnf.js";
import { Instance } from "./instance.js";
import { messageOf } from "./layers.js";
import { log } from "./log.js";
import { type Options, parseOptions } from "./options.js";
import { loadPersonality } from "./personality.js";
import { abort } from "./start-files.js";
import { createOrCheckTls } from "./tls-files.js";

// A program that behaves like ProxySQL as far as its admin, its database and its client handshake go.
// Knobs: PROXYSQL_STANDIN_VERSION, _SAVE_GAP_MS, _ADMIN_DELAY_MS, _CLIENT_DELAY_MS; _IMMUNE, see poison.ts; _FAILURES, see failures.ts;
// _STATEMENTS and _SERVERS, see traces.ts; and monitor.json in the data directory, see monitor-file.ts.

const SEARCHED = ["proxysql.cnf", "proxysql.cfg", "/etc/proxysql.cnf", "/etc/proxysql.cfg"];

async function main(): Promise<void> {
  const options = readOptions();
  const personality = loadPersonality(process.env.PROXYSQL_STANDIN_VERSION ?? "2.7.1");
  if (options.showVersion) {
    process.stdout.write(`ProxySQL version ${personality.version}, codename Truls\n`);
    process.exit(0);
  }
  // SIGTERM ends the process at once, without draining (lib/ProxySQL_GloVars.cpp:31-44).
  process.on("SIGTERM", () => process.exit(0));
  process.on("SIGUSR1", () => log("INFO", "Received SIGUSR1: flushing logs"));
  const cnf = readCnf(options.configFile);
  const datadir = resolve(options.datadir ?? cnfText(cnf, "datadir") ?? "/var/lib/proxysql");
  requireDatadir(datadir);
  if (!createOrCheckTls(datadir)) {
    log("ERROR", "Unable to load all of proxysql-key.pem, proxysql-cert.pem and proxysql-ca.pem. Exiting");
    process.exit(0);
  }
  await Instance.boot(
    {
      datadir,
      personality,
      cnf,
      uuid: options.uuid ?? cnfText(cnf, "uuid"),
      initial: options.initial,
      reload: options.reload,
      adminInterfaces: options.adminInterfaces,
      saveGap: knob("PROXYSQL_STANDIN_SAVE_GAP_MS"),
      adminDelay: knob("PROXYSQL_STANDIN_ADMIN_DELAY_MS"),
      clientDelay: knob("PROXYSQL_STANDIN_CLIENT_DELAY_MS"),
    },
    !options.noStart,
  );
  // ProxySQL stays alive even when it could bind nothing.
  setInterval(() => undefined, 3_600_000);
}

function readOptions(): Options {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    log("ERROR", messageOf(error));
    process.exit(1);
  }
}

/** An unreadable `-c` file ends ProxySQL with 0 (src/main.cpp:647), one with a syntax error with 1. */
function readCnf(path: string | undefined): CnfGroup | undefined {
  const file = path ?? SEARCHED.find((candidate) => existsSync(candidate));
  if (file === undefined) return undefined;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    log(
      "ERROR",
      `Unable to open config file ${file} specified in the command line. Aborting! ${messageOf(error)}`,
    );
    process.exit(0);
  }
  try {
    return parseCnf(text);
  } catch (error) {
    log("ERROR", `Parse error at ${file}: ${messageOf(error)}`);
    process.exit(1);
  }
}

/** Without its directory ProxySQL cannot open a file, and exits 0. */
function requireDatadir(datadir: string): void {
  try {
    accessSync(datadir, constants.W_OK);
  } catch (error) {
    log("ERROR", `Unable to use datadir ${datadir}: ${messageOf(error)}`);
    process.exit(0);
  }
}

/** Milliseconds from the environment. */
function knob(name: string): number {
  return Number(process.env[name] ?? 0);
}

main().catch((error) => abort(messageOf(error)));
