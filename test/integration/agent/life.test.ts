import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { vhid } from "../../support/pair/node.js";
import { createPair, type Pair } from "../../support/pair/pair.js";
import { leads, logOf, servers, startPair, until } from "./harness.js";

describe("a running agent", () => {
  let pair: Pair;

  beforeAll(async () => {
    pair = await startPair({ standby: "warm" });
  });

  afterAll(() => pair.end());

  it("is alone: a second one refuses to run", async () => {
    const second = await pair.a.cli("agent");

    expect(second.code).toBe(1);
    expect(second.stderr).toContain("Another agent answers");
  });

  it("tells its status as text of at most 80 columns and as one document", async () => {
    const text = await pair.a.cli("status");
    await until(
      "b has heard that a leads",
      async () => (await pair.b.status()).peers[0]?.report?.leads === 1,
    );
    const json = await pair.b.cli("status", "--json");

    expect(text.stdout).toMatch(/^role {10}MASTER, leads epoch 1$/m);
    expect(Math.max(...text.stdout.split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(JSON.parse(json.stdout)).toMatchObject({
      schema: "proxysql-carp/status/v1",
      node: "b",
      role: "BACKUP",
      vhids: [{ vhid, role: "BACKUP" }],
      standby: "warm",
      leads: null,
      proxysql: { up: true, serving: true },
      peers: [{ name: "a", link: "up", report: { role: "MASTER", leads: 1 } }],
      problems: [],
    });
  });

  it("keeps its files to itself", () => {
    const modes = readdirSync(join(pair.a.dir, "state"), { recursive: true, withFileTypes: true }).map(
      (entry) => {
        const { mode } = statSync(join(entry.parentPath, entry.name));
        return { name: entry.name, loose: (mode & 0o077) !== 0 };
      },
    );

    // ProxySQL's user must go through staging/, which nobody can list.
    // The definitions hold no secret, and the link's user must read them.
    expect(modes.filter(({ loose }) => loose).map(({ name }) => name)).toEqual([
      "definitions.json",
      "staging",
    ]);
  });

  it("goes on with the old configuration when a reload finds a bad one, and says which line", async () => {
    const good = readFileSync(pair.b.configFile, "utf8");
    writeFileSync(pair.b.configFile, good.replace('standby = "warm"', 'standby = "lukewarm"'));
    pair.b.signalAgent("SIGHUP");
    await until("the refusal is logged", async () =>
      /carp\.standby: expected .*lukewarm/.test(logOf(pair.b)),
    );

    expect((await pair.b.status()).standby).toBe("warm");

    writeFileSync(pair.b.configFile, good.replace('standby = "warm"', 'standby = "warm"\nreconcile = "1s"'));
    pair.b.signalAgent("SIGHUP");
    await until("the reload is logged", async () => /read again/.test(logOf(pair.b)));
    await until("it runs again", async () => (await pair.b.status()).peers[0]?.link === "up");
  });

  it("does nothing and says so while ifconfig does not tell the role", async () => {
    const roleFile = join(pair.b.dir, "host/carp", vhid, "role");
    writeFileSync(roleFile, "DREAMING\n");
    const status = await until("the role is unknown", async () => {
      const now = await pair.b.status();
      return now.role === "unknown" && now;
    });

    expect(status.problems).toContain(`ifconfig does not tell the role of ${vhid}.`);
    expect(status.proxysql.up).toBe(true);
    pair.b.writeRole("BACKUP");
    await until("the role is back", async () => (await pair.b.status()).role === "BACKUP");
  });

  it("ends on SIGTERM within its bound and leaves ProxySQL and the role alone", async () => {
    const began = Date.now();
    const code = await pair.a.stopAgent();

    expect(code).toBe(0);
    expect(Date.now() - began).toBeLessThan(10_000);
    expect(await servers(pair.a)).toBe("");
    expect(existsSync(join(pair.a.dir, "run/agent.sock"))).toBe(false);
  });

  it("goes on in its epoch after a restart, without another promotion", async () => {
    pair.a.startAgent();
    await until("a leads again", () => leads(pair.a));

    expect((await pair.a.status()).leads).toBe(1);
  });
});

describe("the command line without an agent", () => {
  let pair: Pair;

  beforeAll(async () => {
    pair = await createPair({ standby: "warm" });
  });

  afterAll(() => pair.end());

  it.each([
    [["status"], 3, "No agent answers"],
    [["--config", "/nowhere.toml", "status"], 78, "/nowhere.toml: cannot be read"],
    [["config", "check"], 0, ""],
    [["notify", "MASTERLY", vhid], 2, "Allowed choices are MASTER, BACKUP, INIT"],
    [["notify", "MASTER"], 2, "missing required argument"],
    [["stauts"], 2, "Did you mean status"],
    [["status", "--jsno"], 2, "unknown option"],
  ])("%j ends with %i", async (args, code, sentence) => {
    const result = await pair.a.cli(...args);

    expect(result.stderr).toContain(sentence);
    expect(result.code).toBe(code);
  });

  it.each([
    [
      "[snapshots]",
      '[snapshots]\nschedule = "every minute"',
      "snapshots.schedule: expected a cron expression",
    ],
    ["[proxysql]", '[proxysql]\nkeep_local = ["mysql threads"]', "proxysql.keep_local: expected a variable"],
    ["[carp]", '[carp]\nsettel = "1s"', 'carp.settel: expected a key this version knows, found "settel".'],
  ])("refuses a configuration that no agent could run with: %s", async (table, mistake, sentence) => {
    const good = readFileSync(pair.a.configFile, "utf8");
    writeFileSync(pair.a.configFile, good.replace(table, mistake));
    const [checked, started] = [await pair.a.cli("config", "check"), await pair.a.cli("agent")];
    writeFileSync(pair.a.configFile, good);

    for (const result of [checked, started]) {
      expect(result.stderr).toMatch(/proxysql-carp\.toml:\d+: /);
      expect(result.stderr).toContain(sentence);
      expect(result.code).toBe(78);
    }
  });

  it("leaves an event in the spool, which the agent empties when it starts", async () => {
    expect((await pair.a.cli("notify", "MASTER", vhid)).code).toBe(0);
    const spool = join(pair.a.dir, "state/spool");
    expect(readdirSync(spool)).toHaveLength(1);

    await pair.a.startProxysql();
    pair.a.startAgent();
    await until("the spool is empty", async () => readdirSync(spool).length === 0);
    await until("the role was looked at", async () => logOf(pair.a).includes("role unknown -> BACKUP"));
  });

  it("refuses a state directory that is not its own to write, naming it", async () => {
    await pair.a.stopAgent();
    const journal = join(pair.a.dir, "state/journal.db");
    writeFileSync(
      journal,
      "this is no journal, but long enough to be looked at as if it were one\n".repeat(20),
    );
    const result = await pair.a.cli("agent");

    expect(result.code).toBe(1);
    expect(result.stderr).toContain(`${journal}: the journal cannot be used`);
  });
});
