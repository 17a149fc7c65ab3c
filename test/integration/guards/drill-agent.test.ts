import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import type { DrillRecord } from "../../../src/agent/drills.js";
import type { PairNode, ProgramEnd } from "../../support/pair/node.js";
import type { Pair } from "../../support/pair/pair.js";
import { addAndShip, journal, leads, servers, startPair, until } from "../agent/harness.js";
import { hasProc, processesOf, script } from "./drill-harness.js";

const patience = 120_000;

let pair: Pair | undefined;
afterEach(async () => {
  const staging = pair && [pair.a, pair.b].map(({ dir }) => join(dir, "state/staging"));
  await pair?.end();
  pair = undefined;
  if (!hasProc) return;
  for (const dir of staging ?? [])
    await until("no process is left", async () => processesOf(dir).length === 0);
});

async function start(standby: "warm" | "cold"): Promise<Pair> {
  pair = await startPair({ standby });
  await addAndShip(pair.a, pair.b, "db1");
  return pair;
}

/** ProxySQL's program on this node becomes one that stays, and ends only when it is killed. */
function staysUp(node: PairNode): void {
  script(node.dir, "proxysql-program", "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n");
}

function staging(node: PairNode): string {
  return join(node.dir, "state/staging");
}

/** Begins a drill on a node whose program stays, and returns when it is under way. */
async function beginDrill(node: PairNode): Promise<{ readonly ended: Promise<ProgramEnd> }> {
  const ended = node.cli("snapshot", "drill", "--json");
  await until("the drill runs", async () => processesOf(staging(node)).length > 0);
  return { ended };
}

describe("snapshot drill", { timeout: patience }, () => {
  it("restores the newest snapshot beside the ProxySQL that runs, on either node", async () => {
    const { a, b } = await start("warm");
    const pids = await Promise.all([a, b].map((node) => node.admin("SELECT @@version")));

    for (const node of [b, a]) {
      const { code, stdout } = await node.cli("snapshot", "drill", "--json");
      const record = JSON.parse(stdout) as DrillRecord & { schema: string };

      expect(record).toMatchObject({ schema: "proxysql-carp/drill/v1", ok: true, judged: true, why: null });
      expect(record.startMs).toBeGreaterThan(0);
      expect(code).toBe(0);
      expect((await node.status()).drill).toMatchObject({ snapshot: record.snapshot, ok: true });
      expect(readdirSync(staging(node))).toEqual([]);
    }
    expect(await Promise.all([a, b].map((node) => node.admin("SELECT @@version")))).toEqual(pids);
    expect(await servers(b)).toBe("10:db1:3306");
  });

  it("works in cold standby, tells a failure with its cause, and raises a reason until one goes well", async () => {
    const { b } = await start("cold");
    const good = readFileSync(b.program, "utf8");
    expect((await b.cli("snapshot", "drill")).stdout).toMatch(/^Restore of \S+ works: /);
    const codes = async () => (await b.status()).reasons.map(({ code }) => code);
    script(b.dir, "proxysql-program", "#!/bin/sh\nexit 0\n");

    const { code, stdout } = await b.cli("snapshot", "drill");

    expect(code).toBe(1);
    expect(stdout).toMatch(/^Restore of \S+ fails: ProxySQL ended by itself with code 0 after \d+ ms\.\n$/);
    await until("there is a reason", async () => (await codes()).includes("drill-failed"));
    script(b.dir, "proxysql-program", good);
    expect((await b.cli("snapshot", "drill")).code).toBe(0);
    await until("the reason is gone", async () => !(await codes()).includes("drill-failed"));
    const notes = journal(b, "SELECT kind FROM notes WHERE kind LIKE 'drill-%' ORDER BY id");
    expect(notes.map(({ kind }) => kind)).toEqual(["drill-passed", "drill-failed", "drill-passed"]);
  });

  it.skipIf(!hasProc)("is refused while another runs, and given up for a promotion", async () => {
    const { a, b } = await start("warm");
    expect((await b.cli("snapshot", "drill")).code).toBe(0);
    const known = (await b.status()).drill;
    staysUp(b);
    const first = await beginDrill(b);

    const second = await b.cli("snapshot", "drill");
    expect(second).toMatchObject({ code: 1, stdout: "" });
    expect(second.stderr).toContain("A restore drill is under way");

    await a.setRole("BACKUP");
    await b.setRole("MASTER");
    await until("b leads", () => leads(b));
    const { code, stdout } = await first.ended;
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      ok: false,
      judged: false,
      why: expect.stringContaining("given up"),
    });
    expect((await b.status()).drill).toEqual(known);
    expect(processesOf(staging(b))).toEqual([]);
  });

  it.skipIf(!hasProc)(
    "leaves no process when its agent is killed, and the next agent removes its files",
    async () => {
      const { b } = await start("warm");
      staysUp(b);
      const drilling = await beginDrill(b);

      await b.stopAgent("SIGKILL");

      await until("the scratch ProxySQL is gone", async () => processesOf(staging(b)).length === 0);
      expect((await drilling.ended).code).toBe(3);
      expect(readdirSync(staging(b))).not.toEqual([]);
      b.startAgent();
      await until("the agent is back", async () => (await b.status()).role === "BACKUP");
      const left = () => (existsSync(staging(b)) ? readdirSync(staging(b)) : []);
      await until("the files are gone", async () => left().length === 0);
      expect(await servers(b)).toBe("10:db1:3306");
    },
  );
});
