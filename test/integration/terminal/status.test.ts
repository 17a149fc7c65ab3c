import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Pair } from "../../support/pair/pair.js";
import { addServer, startPair, until } from "../agent/harness.js";
import { hasTmux, prompt, Terminal } from "./tmux.js";

/** The machine may be busy: what is asserted is that it happens, not how soon. */
const patienceMs = 60_000;
const testMs = 4 * patienceMs;

const title = "the commands in a terminal of 80 columns";

const shown = hasTmux ? title : `${title} (skipped: tmux missing: apt-get install tmux)`;

describe.skipIf(!hasTmux)(shown, { timeout: testMs }, () => {
  let pair: Pair;
  let terminal: Terminal;

  beforeAll(async () => {
    pair = await startPair({ standby: "warm" });
    const bin = join(pair.dir, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "pc"), `#!/bin/sh\nexec ${process.execPath} ${resolve("dist/cli.js")} "$@"\n`, {
      mode: 0o755,
    });
    // Nodes that have just come up do not know yet whether they are fit.
    await until(
      "all is well",
      async () => {
        const { ready, lastTransition, peers } = await pair.a.status();
        return ready && lastTransition?.outcome === "done" && peers[0]?.report?.ready === true;
      },
      patienceMs,
    );
  }, testMs);

  afterAll(() => pair.end());

  beforeEach(async () => {
    const { env } = pair.a;
    terminal = await Terminal.open({ ...env, PATH: `${join(pair.dir, "bin")}:${env.PATH ?? ""}` });
    await until(
      "the shell is there",
      async () => (await terminal.lines()).at(-1)?.endsWith(prompt),
      patienceMs,
    );
  });

  afterEach(() => terminal.close());

  /** Waits for a line that is to be seen. */
  function shows(pattern: RegExp): Promise<string> {
    return until(
      `the terminal shows ${pattern}`,
      async () => (await terminal.lines()).find((line) => pattern.test(line)),
      patienceMs,
    );
  }

  let asked = 0;

  /** Runs a command to its end; what is to be seen of it, and its exit code. */
  async function runs(command: string): Promise<{ code: number; lines: string[] }> {
    asked += 1;
    await terminal.type(`clear; ${command}; echo "rc${asked}=$?"`);
    const last = await shows(new RegExp(`^rc${asked}=\\d+$`));
    const lines = await terminal.lines();
    return { code: Number(last.split("=")[1]), lines: lines.slice(0, lines.indexOf(last)) };
  }

  async function expectItFits(): Promise<void> {
    expect(await terminal.wrapped()).toEqual([]);
    for (const line of await terminal.lines()) expect(line).toMatch(/^[ -~]{0,80}$/);
  }

  /** The number of the page that is shown: the time that stands below it. */
  async function pageTime(): Promise<string> {
    return (await shows(/^\d{4}-.*Z, every second; Ctrl-C ends it$/)).split(",")[0] ?? "";
  }

  async function pageAfter(time: string): Promise<string> {
    return until(
      "another page",
      async () => {
        const next = await pageTime();
        return next === time ? undefined : next;
      },
      patienceMs,
    );
  }

  /** A watch that has been left gives the shell a cursor, an echo and an exit code that says that all is well. */
  async function expectShellIsBack(): Promise<void> {
    // What is typed before the shell asks again may be thrown away with the Ctrl-C.
    await until("the shell asks", async () => (await terminal.lines()).at(-1)?.endsWith(prompt), patienceMs);
    expect(await terminal.isCursorShown()).toBe(true);
    await terminal.type('echo "rc=$?"');
    expect(await shows(/^rc=/)).toBe("rc=0");
    await terminal.type("stty -a | tr ' ' '\\n' | grep -x -e echo -e icanon -e isig | tr '\\n' '+'");
    await shows(/isig\+icanon\+echo\+/);
    await expectItFits();
  }

  it("show the status as one screen, in colours, with the prompt still below it", async () => {
    const { code, lines } = await runs("pc status");

    expect(code).toBe(0);
    expect(lines.some((line) => /^last change {3}unknown -> MASTER .* ago, done after/.test(line))).toBe(
      true,
    );
    expect(lines.slice(0, 3)).toEqual([
      "a, this node, is active: it is MASTER and serves clients.",
      "b stands by and is ready to take over.",
      "",
    ]);
    await expectItFits();
    expect(terminal.recorded()).toContain("\u001b[32ma, this node, is active");
  });

  it.each(["NO_COLOR=1", "TERM=dumb"])("use no colours with %s", async (setting) => {
    for (const command of ["status", "reasons", "history"]) {
      const { code } = await runs(`${setting} pc ${command}`);
      expect(code).toBe(0);
    }
    expect(terminal.recorded()).toContain("a, this node, is active");
    expect(terminal.recorded()).not.toMatch(/\[[\d;]*m/);
  });

  it("watch the status: page over page until Ctrl-C, which gives the terminal back", async () => {
    await terminal.type("clear; TERM=vt100 pc status --watch");
    const first = await pageTime();
    expect(await terminal.isCursorShown()).toBe(false);
    const second = await pageAfter(first);
    await pageAfter(second);
    const before = await shows(/^configuration/);
    await addServer(pair.a, "db-watched");
    await until(
      "the new configuration is shown",
      async () => (await shows(/^configuration/)) !== before,
      patienceMs,
    );
    expect((await terminal.lines())[0]).toBe("a, this node, is active: it is MASTER and serves clients.");
    await expectItFits();
    // Erased as a whole once, at the beginning: each page is written over the one before.
    expect(terminal.recorded().split("\u001b[2J").length - 1).toBe(1);

    await terminal.press("C-c");
    await expectShellIsBack();
    expect(terminal.recorded().split("\u001b[?25l").length).toBe(
      terminal.recorded().split("\u001b[?25h").length,
    );
  });

  it("fit into a terminal that changes its size, and into its lines", async () => {
    await terminal.type("clear; pc status --watch");
    await pageTime();
    await terminal.resize(50, 9);
    await until(
      "the page has fewer lines",
      async () => (await terminal.lines()).some((line) => line.startsWith("There is more")),
      patienceMs,
    );
    expect(await terminal.wrapped()).toEqual([]);
    expect((await terminal.lines())[0]).toBe("a, this node, is active: it is MASTER and serves");
    await terminal.resize(80, 24);
    await until(
      "the page is whole again",
      async () => (await terminal.lines()).some((line) => line.startsWith("peer b")),
      patienceMs,
    );
    await terminal.press("C-c");
    await expectShellIsBack();
  });

  it("give the terminal back while they are stopped, and take it again", async () => {
    await terminal.type("clear; pc status --watch");
    await pageTime();
    await terminal.press("C-z");
    await shows(/Stopped|Suspended/);
    expect(await terminal.isCursorShown()).toBe(true);
    await terminal.type("clear; fg");
    await until("the cursor is hidden again", async () => !(await terminal.isCursorShown()), patienceMs);
    await pageAfter(await pageTime());
    await terminal.press("C-c");
    await expectShellIsBack();
  });

  it("give the terminal back when they are ended by SIGTERM", async () => {
    await terminal.type("clear; sh -c 'echo pid=$$; exec pc status --watch'");
    await pageTime();
    const pid = /pid=(\d+)/.exec(terminal.recorded())?.[1];
    process.kill(Number(pid), "SIGTERM");
    await expectShellIsBack();
  });

  it("use nothing but lines on a dumb terminal", async () => {
    await terminal.type("clear");
    await until("the terminal is clear", async () => (await terminal.lines()).length <= 1, patienceMs);
    const before = terminal.recorded().length;
    await terminal.type("TERM=dumb pc status --watch");
    const pages = (): string[] => terminal.recorded().slice(before).split("a, this node, is active").slice(1);
    await until("a second page", async () => pages().length > 1, patienceMs);
    await terminal.press("C-c");
    await expectShellIsBack();
    expect(terminal.recorded().slice(before)).not.toContain("\u001b");
  });

  it("tell the history and the reasons without a line that is too long", async () => {
    await pair.a.cli("maintenance", "on", "--note", "a word ".repeat(60));
    try {
      await until("the reason is there", async () => (await pair.a.status()).reasons.length > 0, patienceMs);
      expect((await runs("pc reasons")).code).toBe(1);
      await shows(/^maintenance-on: warning, since /);
      await shows(/^ {2}To do: /);
      await expectItFits();

      await terminal.type("clear; pc status");
      await shows(/^ {2}To do: /);
      await until("the shell asks", async () => (await terminal.lines()).at(-1) === prompt, patienceMs);
      expect((await terminal.lines())[0]).toBe("a, this node, is active: it is MASTER and serves clients.");
      await expectItFits();
    } finally {
      await pair.a.cli("maintenance", "off");
    }
    const { code } = await runs("pc history");
    expect(code).toBe(0);
    await expectItFits();
    expect(terminal.recorded()).toMatch(/^.\[1m\S+Z {2}transition unknown -> MASTER: done after /m);
    expect(terminal.recorded()).toMatch(/^ {4}cause {2}start\r$/m);
    expect(terminal.recorded()).toMatch(/^ {4}plan {3}ask-peers; then .*open-epoch/m);
    expect(terminal.recorded()).toMatch(/^ +\d+ ms {2}open-epoch done: epoch 1/m);
  });

  it("see the agent go and come back while they watch, and say what to do without it", async () => {
    await terminal.type("clear; pc status --watch");
    await shows(/^a, this node, is active/);
    await pair.a.stopAgent();
    try {
      await shows(/^The agent on a, this node, does not run\.$/);
      await shows(/^To do: `service proxysql_carp start`/);
      await shows(/^role {10}MASTER \(by ifconfig\)$/);
      await shows(/^configuration newest in the store: 1\.\d+@a, taken here/);
      await expectItFits();
    } finally {
      pair.a.startAgent();
    }
    await shows(/^a, this node, is active/);
    expect((await terminal.lines()).some((line) => line.startsWith("To do"))).toBe(false);
    await terminal.press("C-c");
    await expectShellIsBack();
  });

  it("tell what can be told when the agent is down", async () => {
    await pair.a.stopAgent();
    try {
      const { code, lines } = await runs("pc status");
      expect(code).toBe(3);
      expect(lines[0]).toBe("The agent on a, this node, does not run.");
      expect(lines.some((line) => line.startsWith("last change"))).toBe(true);
      await expectItFits();
    } finally {
      pair.a.startAgent();
      await until("a leads again", async () => (await pair.a.status()).leads !== null, patienceMs);
    }
  });

  it("write pages one after the other, or documents, where there is no terminal", async () => {
    const cli = `${process.execPath} ${resolve("dist/cli.js")}`;
    const pages = await pair.a.run("sh", ["-c", `${cli} status --watch | head -n 20`]);
    expect(pages.stdout).toMatch(
      /^\d{4}-\S+Z\na, this node, is active[\s\S]*\n\n\d{4}-\S+Z\na, this node, is/,
    );
    expect(pages.stdout).not.toContain("\u001b");

    const { stdout } = await pair.a.run("sh", ["-c", `${cli} status --json --watch | head -n 2`]);
    const documents = stdout.trim().split("\n");
    expect(documents).toHaveLength(2);
    for (const text of documents)
      expect(JSON.parse(text)).toMatchObject({
        schema: "proxysql-carp/status/v1",
        node: "a",
        role: "MASTER",
      });
  });
});
