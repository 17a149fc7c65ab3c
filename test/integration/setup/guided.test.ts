import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.js";
import { fingerprintOf } from "../../../src/peer/keys.js";
import { makeKeyPair } from "../../support/ssh-keys.js";
import { type Sshd, sshdMissing, startSshd } from "../../support/sshd.js";
import { atTerminal, config, type Host, known, type Move, makeHost, somebodysKey, tree } from "./harness.js";

const noPython =
  spawnSync("python3", ["-c", "import pty"]).status === 0 ? undefined : "there is no python3 with pty";
const why = sshdMissing() ?? noPython;
const enter = "\r";
const ctrlC = "\u0003";
const ctrlD = "\u0004";

describe.skipIf(why !== undefined)(
  `setup at a terminal${why === undefined ? "" : ` (skipped: ${why})`}`,
  () => {
    let server: Sshd;
    const dir = mkdtempSync(join(tmpdir(), "setup-sshd-"));
    const { file, publicLine } = makeKeyPair(join(dir, "host"));
    const fingerprint = fingerprintOf(Buffer.from(publicLine.split(" ")[1] ?? "", "base64"));

    beforeAll(async () => {
      server = await startSshd({ dir, hostKeyFile: file, authorizedKey: "", command: "false" });
    });
    afterAll(async () => {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    });

    /** Every question up to the host key's, with what a person would type. */
    function answers(): Move[] {
      return [
        ["Name of this node [", `a${enter}`],
        ["CARP vhids, the leading one first [9@em0]: ", enter],
        ["warm or cold [warm]: ", enter],
        ["data directory [/var/db/proxysql]: ", enter],
        ["User of ProxySQL's admin [admin]: ", enter],
        ["Name of the peer: ", `b${enter}`],
        ["Its own address, not the shared one: ", `127.0.0.1${enter}`],
        ["Port of its sshd [22]: ", `${server.port}${enter}`],
        ["The peer's public key", enter],
      ];
    }

    it("asks, shows the fingerprint and the plan, and does it", async () => {
      const host = makeHost();
      const { code, stdout } = await atTerminal(
        host,
        [],
        [
          ...answers(),
          [`ssh-ed25519 ${fingerprint}\n`.trimEnd(), ""],
          ["Is it the same? [y/N] ", `y${enter}`],
          ["create 0640 config ", ""],
          ["Do this? [y/N] ", `y${enter}`],
        ],
      );
      expect(`${stdout}\n${code}`).toMatch(/\n0$/);
      expect(stdout).toContain("Done.");
      expect(stdout).not.toContain("s3cret");
      const loaded = loadConfig(join(host.root, config));
      expect(loaded.node.name).toBe("a");
      expect(loaded.peer[0]).toMatchObject({ name: "b", host: "127.0.0.1", port: server.port });
      expect(loaded.peer[0]?.host_key).toBe(publicLine.trim().split(" ").slice(0, 2).join(" "));
    });

    async function nothingDone(
      args: readonly string[],
      moves: readonly Move[],
      code: number | undefined = 1,
    ): Promise<string> {
      const host = makeHost();
      const before = tree(host.root);
      const ended = await atTerminal(host, args, moves);
      expect(ended.stdout).not.toContain("waited in vain");
      expect(tree(host.root)).toEqual(before);
      expect(`${ended.stdout}\n${ended.code}`).toMatch(new RegExp(`\\n${code}$`));
      return ended.stdout;
    }

    it.each([
      ["no", `no${enter}`],
      ["Enter alone", enter],
      ["Ctrl-C", ctrlC],
      ["Ctrl-D", ctrlD],
    ])("does nothing if the fingerprint's question is answered by %s", async (_, answer) => {
      await nothingDone([], [...answers(), ["Is it the same? [y/N] ", answer]]);
    });

    it.each([
      ["no", enter],
      ["Ctrl-C", ctrlC],
    ])("does nothing if the plan's question is answered by %s", async (_, answer) => {
      const given = [
        ...known,
        "--datadir",
        "/d",
        "--vhid",
        "9@em0",
        "--standby",
        "warm",
        "--admin-user",
        "admin",
        "--peer-port",
        "22",
      ];
      await nothingDone(given, [
        ["The peer's public key", enter],
        ["Do this? [y/N] ", answer],
      ]);
    });

    it.each([
      ["Ctrl-C", ctrlC],
      ["Ctrl-D", ctrlD],
    ])("does nothing after %s in the middle", async (_, key) => {
      const printed = await nothingDone(
        [],
        [...answers().slice(0, 4), ["User of ProxySQL's admin [admin]: ", key]],
      );
      expect(printed).toContain("The question was not answered: nothing more was done.");
    });

    it("does nothing when the terminal is gone", async () => {
      const host = makeHost();
      const before = tree(host.root);
      const { stdout } = await atTerminal(host, [], [...answers(), ["Is it the same? [y/N] ", null]]);
      expect(stdout).not.toContain("waited in vain");
      expect(tree(host.root)).toEqual(before);
    });

    it("asks once more for what does not fit", async () => {
      const host = makeHost();
      const moves = answers().slice(0, -1);
      const bad: Move[] = moves.map(([wait, type]) =>
        wait.startsWith("Name of the peer") ? [wait, `not a name${enter}`] : [wait, type],
      );
      const again: Move[] = [
        ["--peer: expected a name", ""],
        ["Name of this node [a]: ", enter],
        ["first [9@em0]: ", enter],
        ["[warm]: ", enter],
        ["data directory", enter],
        ["User of", enter],
        ["Name of the peer [not a name]: ", `b${enter}`],
        ["Its own address, not the shared one [127.0.0.1]: ", enter],
        ["Port of its sshd [", enter],
        ["The peer's public key", enter],
        ["Is it the same? [y/N] ", `y${enter}`],
        ["Do this? [y/N] ", `yes${enter}`],
      ];
      const { code, stdout } = await atTerminal(host, [], [...bad, ...again]);
      expect(`${stdout}\n${code}`).toMatch(/\n0$/);
      expect(loadConfig(join(host.root, config)).peer[0]?.name).toBe("b");
    });

    it("takes a password that is nowhere written, and never shows it", async () => {
      const host = makeHost();
      rmSync(join(host.root, "usr/local/etc/proxysql"), { recursive: true });
      const given = [
        ...known,
        "--datadir",
        "/d",
        "--vhid",
        "9@em0",
        "--standby",
        "warm",
        "--admin-user",
        "admin",
        "--peer-port",
        "22",
      ];
      const { code, stdout } = await atTerminal(host, given, [
        ['Password of "admin" at ProxySQL\'s admin (not shown): ', ` typed "pw${enter}`],
        ["The peer's public key", `${somebodysKey(host.dir, "b")}${enter}`],
        ["Do this? [y/N] ", `y${enter}`],
      ]);
      expect(`${stdout}\n${code}`).toMatch(/\n0$/);
      expect(stdout).not.toContain("typed");
      expect(host.read("usr/local/etc/proxysql-carp/admin.password")).toBe(' typed "pw\n');
      expect(host.read("usr/local/etc/proxysql-carp/authorized_keys")).toMatch(
        /^command="[^"]+",restrict ssh-ed25519 \S+ b\n$/,
      );
    });

    const rule = "usr/local/etc/devd/proxysql-carp.conf";
    const given = [
      ...known,
      "--datadir",
      "/var/db/proxysql",
      "--vhid",
      "9@em0",
      "--standby",
      "warm",
      "--admin-user",
      "admin",
      "--peer-port",
      "22",
    ];

    async function withForeignRule(answer: string): Promise<Host> {
      const host = makeHost();
      host.write(rule, "# mine\n");
      const { code, stdout } = await atTerminal(host, given, [
        ["The peer's public key", enter],
        [`Overwrite it, and keep a copy as /${rule}.orig? [y/N] `, answer],
        ["Do this? [y/N] ", `y${enter}`],
      ]);
      expect(`${stdout}\n${code}`).toMatch(/\n0$/);
      return host;
    }

    it("asks before it overwrites, and goes on without that file if it may not", async () => {
      const kept = await withForeignRule(enter);
      expect(kept.read(rule)).toBe("# mine\n");
      expect(existsSync(join(kept.root, config))).toBe(true);
      const replaced = await withForeignRule(`y${enter}`);
      expect(replaced.read(rule)).toContain("notify 673");
      expect(replaced.read(`${rule}.orig`)).toBe("# mine\n");
    });

    it("asks before it removes what somebody changed", async () => {
      const host = makeHost();
      const before = tree(host.root);
      await host.yes();
      writeFileSync(join(host.root, rule), "# mine\n");
      const whole = tree(host.root);
      const no = await atTerminal(
        host,
        ["--remove"],
        [
          [`${rule}: somebody changed it since setup wrote it.\n`.trimEnd(), ""],
          ["Remove it all the same? [y/N] ", enter],
          ["Do this? [y/N] ", enter],
        ],
      );
      expect(`${no.stdout}\n${no.code}`).toMatch(/\n1$/);
      expect(tree(host.root)).toEqual(whole);
      const yes = await atTerminal(
        host,
        ["--remove"],
        [
          ["Remove it all the same? [y/N] ", `y${enter}`],
          ["Do this? [y/N] ", `y${enter}`],
        ],
      );
      expect(`${yes.stdout}\n${yes.code}`).toMatch(/\n0$/);
      expect(tree(host.root)).toEqual(before);
    });
  },
);
