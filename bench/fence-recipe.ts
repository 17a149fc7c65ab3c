import { existsSync } from "node:fs";
import { join } from "node:path";
import { PairNode, root } from "../test/support/pair/node.js";
import { until } from "../test/support/pair/pair.js";

/** As the recipe has it in ProxySQL's scheduler. */
export const schedulerMs = 5_000;

/**
 * The published recipe for fencing on a host of its own: a ProxySQL, and bench/baseline/proxy-oc.sh as its scheduler runs
 * it. It asks one address of Orchestrator, here always the leader's.
 */
export class FenceRecipe {
  readonly node: PairNode;
  readonly #environment: readonly string[];

  private constructor(node: PairNode, environment: readonly string[]) {
    this.node = node;
    this.#environment = environment;
  }

  /** A host below `dir` whose ProxySQL was told `statements`; `orchestrator`: the leader's URL. */
  static async create(
    dir: string,
    orchestrator: string,
    statements: readonly string[],
  ): Promise<FenceRecipe> {
    const node = await PairNode.create({ name: "f", dir: join(dir, "f"), standby: "cold", traces: true });
    node.configure([]);
    await node.startProxysql();
    await until("the recipe's ProxySQL answers", () => node.admin("SELECT 1"));
    await node.admin(...statements);
    // MariaDB's client insists on TLS from 11.4 on, which an admin need not have.
    const client = find("mariadb") === undefined ? `${find("mysql")}` : `${find("mariadb")} --skip-ssl`;
    const admin = `${client} -h127.0.0.1 -P${node.ports.admin} -uadmin -padmin -N -B`;
    return new FenceRecipe(node, [`ORC=${orchestrator}`, `ADMIN=${admin}`, `PATH=${process.env.PATH ?? ""}`]);
  }

  /** Why the recipe cannot run here, or undefined if it can. */
  static missing(): string | undefined {
    const missing = ["curl", "jq"].filter((program) => find(program) === undefined);
    if (find("mariadb") === undefined && find("mysql") === undefined) missing.push("mysql");
    return missing.length === 0
      ? undefined
      : `the recipe needs ${missing.join(", ")} (Debian: apt-get install curl jq mariadb-client)`;
  }

  /** Runs the script once and waits for its end: milliseconds. ProxySQL's scheduler hands on no environment. */
  async run(): Promise<number> {
    const began = performance.now();
    const script = join(root, "bench/baseline/proxy-oc.sh");
    const { code, stderr } = await this.node.run("/usr/bin/env", [
      "-i",
      ...this.#environment,
      "/bin/sh",
      script,
    ]);
    if (code !== 0) throw new Error(`The recipe's proxy-oc.sh ended with ${code}: ${stderr}`);
    return performance.now() - began;
  }

  async end(): Promise<void> {
    await this.node.stop();
  }
}

function find(program: string): string | undefined {
  const places = (process.env.PATH ?? "").split(":").map((dir) => join(dir, program));
  return places.find((place) => existsSync(place));
}
