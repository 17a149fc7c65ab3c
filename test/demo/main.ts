import { parseArgs } from "node:util";
import { vhid } from "../support/pair/node.js";
import { createPair } from "../support/pair/pair.js";
import { type DemoStep, playScenario } from "./scenario.js";

const usage = `usage: npm run demo [-- [--standby warm|cold] [--json] [--keep]]

Plays a failover of a pair on this machine's loopback, without root: two agents, an SSH server, a ProxySQL stand-in
(or the program named by PROXYSQL_BIN), and a simulated CARP pair.
`;

/** Plays the demo as the arguments say; returns the exit code. */
export async function demo(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === undefined) {
    process.stderr.write(usage);
    return 2;
  }
  const { standby, json, keep } = options;
  const say = (text: string): void => {
    (json ? process.stderr : process.stdout).write(`${text}\n`);
  };
  const program = process.env.PROXYSQL_BIN ?? "the stand-in";
  say(`A pair in ${standby} standby, with ${program} as ProxySQL.\n`);
  const pair = await createPair({ standby });
  const interrupted = (): void => void pair.end().then(() => process.exit(130));
  process.once("SIGINT", interrupted);
  process.once("SIGTERM", interrupted);
  const result = await playScenario(pair, standby, {
    report: (step) => say(formatStep(step)),
    show: (text) => say(text.replace(/^/gm, "       ")),
  });
  say(
    `\n${result.rows_restored} rows restored, ${result.rolled_back ? "some were" : "none"} rolled back; ${result.ok ? "all is well" : "IT FAILED"}.`,
  );
  if (json) process.stdout.write(`${JSON.stringify(result, null, 2)}\n`);
  if (!result.ok) say(`The agents' logs: ${pair.a.logFile} ${pair.b.logFile}`);
  if (keep) {
    say(keepInstructions(pair));
    await new Promise((resolve) => process.once("SIGHUP", resolve));
  }
  if (result.ok || keep) await pair.end();
  else await Promise.all([pair.a.stop(), pair.b.stop()]);
  return result.ok ? 0 : 1;
}

function readOptions(
  args: readonly string[],
): { standby: "warm" | "cold"; json: boolean; keep: boolean } | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        standby: { type: "string", default: "warm" },
        json: { type: "boolean" },
        keep: { type: "boolean" },
      },
    });
    const { standby, json = false, keep = false } = values;
    return standby === "warm" || standby === "cold" ? { standby, json, keep } : undefined;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}

function formatStep({ name, ms, ok, error }: DemoStep): string {
  return `${ok ? "ok    " : "FAILED"} ${name.padEnd(58)} ${String(ms).padStart(6)} ms${error === undefined ? "" : `\n       ${error}`}`;
}

function keepInstructions({ a, b }: Awaited<ReturnType<typeof createPair>>): string {
  const forNode = ({ name, configFile, ports, dir }: typeof a): string =>
    [
      `node ${name}: status        node dist/cli.js --config ${configFile} status`,
      `        ProxySQL admin  mysql -h127.0.0.1 -P${ports.admin} -uadmin -padmin`,
      `        change its role echo MASTER > ${dir}/host/carp/${vhid}/role; node dist/cli.js --config ${configFile} notify MASTER ${vhid}`,
    ].join("\n");
  return `\nThe pair keeps running until Ctrl-C.\n${forNode(a)}\n${forNode(b)}\n`;
}
