import { spawn } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { describe, expect, it, onTestFinished } from "vitest";
import { type PeerRequest, peerRequestSchema } from "../../../src/control/protocol.js";
import { serveControl } from "../../../src/control/server.js";
import { startOrchestrator, threeServers } from "../../support/orchestrator.js";
import { section } from "../../unit/docs/markdown.js";
import { makeScratch, type Scratch } from "../proxysql-standin/scratch.js";

const readme = section(readFileSync("README.md", "utf8"), "Keeping the dead primary dead");

function pasted(kind: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${kind}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    (match) => match[1] ?? "",
  );
}

/** Runs a command that a document has: its program and paths are those of this machine, and nothing is in its environment. */
async function run(words: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ["dist/cli.js", ...words], { env });
  const [stdout, stderr, code] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise<number | null>((resolve) => child.once("close", resolve)),
  ]);
  return { stdout, stderr, code };
}

/** A configuration as run-once needs it; with sockets and state in a scratch directory. */
function configure(scratch: Scratch, adminPort: number, endpoints: readonly string[]): string {
  const dir = join(scratch.datadir, "..");
  const password = join(dir, "fence.password");
  writeFileSync(password, "admin\n");
  chmodSync(password, 0o600);
  const file = join(dir, "fence.toml");
  writeFileSync(
    file,
    `[node]
name = "a"
state_dir = "${join(dir, "state")}"
run_dir = "${dir}"
[carp]
vhids = ["9@em0"]
[proxysql]
datadir = "${scratch.datadir}"
admin_port = ${adminPort}
admin_password_file = "${password}"
[[peer]]
name = "b"
host = "127.0.0.1"
key_file = "${join(dir, "none")}"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw"
[orchestrator]
endpoints = ${JSON.stringify(endpoints)}
`,
  );
  return file;
}

describe("what README has to be pasted", () => {
  it("into ProxySQL's admin makes a job that fences a server in downtime, without an environment", async () => {
    const scratch = makeScratch();
    const proxysql = await scratch.start();
    const admin = await scratch.admin(proxysql);
    for (const statement of pasted("sql")[0]?.split(/;\s*/).filter(Boolean) ?? []) await admin.run(statement);
    const columns = "filename, arg1, arg2, arg3, arg4, arg5, active, interval_ms";
    const [row = []] = await admin.rows(`SELECT ${columns} FROM runtime_scheduler`);
    expect(await admin.rows(`SELECT ${columns} FROM disk.scheduler`)).toEqual([row]);

    const orchestrator = await startOrchestrator({ nodes: 1, raft: false, instances: threeServers() });
    onTestFinished(() => orchestrator.stop());
    await orchestrator.beginDowntime({ host: "db2", port: 3306 }, "dba", "disks", "1h");
    for (const host of ["db1", "db2", "db3"])
      await admin.run(
        `INSERT INTO mysql_servers (hostgroup_id, hostname, port) VALUES (20, '${host}', 3306)`,
      );
    await admin.run("LOAD MYSQL SERVERS TO RUNTIME");
    await admin.run("SAVE MYSQL SERVERS TO DISK");

    const [filename, program, flag, , ...command] = row.slice(0, 6).map(String);
    expect([filename, program]).toEqual([
      "/usr/local/bin/node",
      "/usr/local/libexec/proxysql-carp/dist/cli.js",
    ]);
    const file = configure(scratch, proxysql.adminPort, orchestrator.endpoints);
    const words = [String(flag), file, ...command];
    expect(await run(words)).toEqual({ stdout: "Fenced: db2:3306.\n", stderr: "", code: 0 });
    const status = await admin.rows("SELECT hostname, status FROM runtime_mysql_servers ORDER BY hostname");
    expect(status).toEqual([
      ["db1", "ONLINE"],
      ["db2", "OFFLINE_SOFT"],
      ["db3", "ONLINE"],
    ]);
    // Starts that overlap: none fails, and one at least does the work.
    const all = await Promise.all([run([...words, "--json"]), run([...words, "--json"])]);
    expect(all.map(({ code }) => code)).toEqual([0, 0]);
    expect(all.some(({ stdout }) => (JSON.parse(stdout) as { ran: boolean }).ran)).toBe(true);
  });

  it("into Orchestrator's configuration tells the agent, without a path, and over SSH by its words", async () => {
    const scratch = makeScratch();
    const file = configure(scratch, 1, ["http://127.0.0.1:1"]);
    const requests: PeerRequest[] = [];
    const control = await serveControl(
      join(scratch.datadir, "..", "peer.sock"),
      peerRequestSchema,
      async (request) => {
        requests.push(request);
        return { ok: true };
      },
    );
    onTestFinished(() => control.close());
    const lines = JSON.parse(`{${pasted("json")[0]}}`) as Record<string, string[]>;
    const command = lines.PostMasterFailoverProcesses?.[0]?.split(" ").slice(2, -1) ?? [];
    const words = ["--config", file, ...command];
    const clean = { stdout: "", stderr: "", code: 0 };
    expect(await run(words)).toEqual(clean);
    expect(await run(words, { SSH_ORIGINAL_COMMAND: "ORC_FAILED_HOST=db1 ORC_FAILED_PORT=3306" })).toEqual(
      clean,
    );
    expect(requests).toEqual([{ op: "fence-hint" }, { op: "fence-hint", hook: { failed: "db1:3306" } }]);
  });

  it("ends with 0 for Orchestrator although no agent is there, and says so", async () => {
    const file = configure(makeScratch(), 1, ["http://127.0.0.1:1"]);
    const { code, stderr } = await run(["--config", file, "orchestrator", "hook"]);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^proxysql-carp: .*agent.*\n$/i);
  });
});
