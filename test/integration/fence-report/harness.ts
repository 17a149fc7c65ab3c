import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe } from "vitest";
import type { FenceReportDocument, ReportedServer } from "../../../src/commands/format-fence-report.js";
import { type Mariadb, type MariadbOptions, missingForMariadb, startMariadb } from "../../support/mariadb.js";

/** What the report logs in with. */
export const reader = { user: "fence", password: "rea'der" };

/** How a program ended. */
interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A suite that needs MariaDB: skipped with the reason in its title where there is none. */
export function describeMariadb(title: string, define: () => void): void {
  const missing = missingForMariadb();
  describe.skipIf(missing !== undefined)(
    missing === undefined ? title : `${title} (skipped: ${missing})`,
    define,
  );
}

/** A MariaDB on which the report's user may read all that it needs. */
export async function startReadable(options: MariadbOptions): Promise<Mariadb> {
  const server = await startMariadb(options);
  await grantReader(server, "BINLOG MONITOR, REPLICATION SLAVE");
  return server;
}

/** Makes the report's user, with these privileges alone. Not logged. */
export async function grantReader(server: Mariadb, privileges: string): Promise<void> {
  const name = `${reader.user}@'127.0.0.1'`;
  await server.query(
    "SET sql_log_bin=0",
    `CREATE OR REPLACE USER ${name} IDENTIFIED BY 'rea''der'`,
    `GRANT ${privileges} ON *.* TO ${name}`,
  );
}

/** A directory with the configuration of a node that may read servers. Remove it at the end. */
export class Console {
  readonly dir = mkdtempSync(join(tmpdir(), "fence-report-"));
  readonly configFile = join(this.dir, "proxysql-carp.toml");

  constructor(password = reader.password) {
    const key = "AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw";
    writeFileSync(join(this.dir, "password"), `${password}\n`, { mode: 0o600 });
    writeFileSync(
      this.configFile,
      [
        `[node]\nname = "a"\nstate_dir = "${this.dir}/state"\nrun_dir = "${this.dir}"`,
        '[carp]\nvhids = ["9@em0"]',
        `[proxysql]\nadmin_password_file = "${this.dir}/password"`,
        `[fence]\nmysql_user = "${reader.user}"\nmysql_password_file = "${this.dir}/password"`,
        `[[peer]]\nname = "b"\nhost = "192.0.2.2"\nkey_file = "/nonexistent"\nhost_key = "ssh-ed25519 ${key}"`,
        "",
      ].join("\n"),
    );
  }

  get agentSocket(): string {
    return join(this.dir, "agent.sock");
  }

  /** `fence report` with these arguments. */
  report(...args: string[]): Promise<Ended> {
    const words = [resolve("dist/cli.js"), "--config", this.configFile, "fence", "report", ...args];
    return run(process.execPath, words, "");
  }

  /** The report of one server against another, as a document. */
  async compare(old: Mariadb, next: Mariadb): Promise<ReportedServer & { readonly code: number | null }> {
    const { code, stdout, stderr } = await this.report(place(old), "--against", place(next), "--json");
    if (stdout === "") throw new Error(`no document: ${stderr}`);
    const { servers } = JSON.parse(stdout) as FenceReportDocument;
    return { ...(servers[0] as ReportedServer), code };
  }

  remove(): void {
    rmSync(this.dir, { recursive: true, force: true });
  }
}

/** `127.0.0.1:3306` */
export function place({ port }: { readonly port: number }): string {
  return `127.0.0.1:${port}`;
}

/** Runs a line as it was printed, in a shell without a terminal: there the password is read from standard input. */
export function runPrinted(line: string, password = reader.password): Promise<Ended> {
  return run("/bin/sh", ["-c", line], `${password}\n`);
}

/** The statements in the output of mariadb-binlog, without what it sets around them. */
export function statementsIn(output: string): string[] {
  return output.split("\n").filter((line) => /^(insert|update|delete|create|drop)\b/i.test(line));
}

/** At most 60 s; in a session of its own, so that no terminal is asked. */
function run(program: string, args: readonly string[], stdin: string): Promise<Ended> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { detached: true, timeout: 60_000, killSignal: "SIGKILL" });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      stderr += chunk;
    });
    child.once("error", fail);
    child.once("close", (code) => done({ code, stdout, stderr }));
    child.stdin.on("error", () => undefined);
    child.stdin.end(stdin);
  });
}
