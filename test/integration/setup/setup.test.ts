import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.js";
import { parseDevdConfig } from "../../support/host/devd-config.js";
import { makeKeyPair } from "../../support/ssh-keys.js";
import { type Sshd, sshdMissing, startSshd } from "../../support/sshd.js";
import { config, hostKey, known, makeHost, password, run, somebodysKey, times, tree } from "./harness.js";

const files = [
  ["usr/local/etc/proxysql-carp/id_ed25519", "0600"],
  ["usr/local/etc/proxysql-carp/id_ed25519.pub", "0644"],
  ["usr/local/etc/proxysql-carp/admin.password", "0600"],
  ["usr/local/etc/proxysql-carp.toml", "0640"],
  ["usr/local/libexec/proxysql-carp-notify", "0555"],
  ["usr/local/etc/devd/proxysql-carp.conf", "0644"],
  ["usr/local/etc/rc.d/proxysql_carp", "0555"],
  ["var/log/proxysql-carp.log", "0640"],
  ["usr/local/etc/syslog.d/proxysql-carp.conf", "0644"],
  ["usr/local/etc/newsyslog.conf.d/proxysql-carp.conf", "0644"],
  ["usr/local/etc/periodic/daily/485.proxysql-carp", "0555"],
  ["var/db/proxysql-carp/setup.json", "0600"],
] as const;

describe("setup into a scratch root", () => {
  it("puts everything there, changes nothing the second time, and goes without a trace", async () => {
    const host = makeHost();
    const before = tree(host.root);

    const first = await host.yes();
    expect(first).toMatchObject({ code: 0, stderr: "" });
    // What is to be copied stands behind four blanks, and is never broken.
    for (const line of first.stdout.split("\n"))
      if (!line.startsWith("    ")) expect(line.length, line).toBeLessThan(81);
    for (const [path, mode] of files) expect(`${path} ${host.mode(path)}`).toBe(`${path} ${mode}`);
    const added = Object.keys(tree(host.root)).filter((path) => !(path in before));
    expect(added.filter((path) => tree(host.root)[path]?.startsWith("f")).sort()).toEqual(
      files.map(([path]) => path as string).sort(),
    );
    expect(host.mode("var/db/proxysql-carp")).toBe("0711");

    const [wholeTree, wholeTimes] = [tree(host.root), times(host.root)];
    const again = await host.setup("--yes");
    expect(again).toMatchObject({ code: 0, stderr: "" });
    expect(again.stdout).toContain("Nothing to do");
    expect(tree(host.root)).toEqual(wholeTree);
    expect(times(host.root)).toEqual(wholeTimes);

    const removed = await host.setup("--yes", "--remove");
    expect(removed).toMatchObject({ code: 0, stderr: "" });
    expect(tree(host.root)).toEqual(before);
    expect(await host.setup("--yes", "--remove")).toMatchObject({ code: 0, stderr: "" });
    expect(tree(host.root)).toEqual(before);
  });

  it("writes what ProxySQL's file and ifconfig say, and shows no secret", async () => {
    const host = makeHost();
    mkdirSync(join(host.dir, "state/carp/10@vlan0.10"));

    const { stdout, stderr } = await host.yes();
    const { node, carp, proxysql, peer } = loadConfig(join(host.root, config));
    expect({ node: node.name, vhids: [...carp.vhids].sort() }).toEqual({
      node: "a",
      vhids: ["10@vlan0.10", "9@em0"],
    });
    expect(proxysql).toMatchObject({
      datadir: "/var/db/proxysql",
      admin_host: "127.0.0.1",
      admin_port: 16_032,
      admin_user: "admin",
      admin_password_file: "/usr/local/etc/proxysql-carp/admin.password",
      client_port: 16_033,
    });
    expect(peer).toMatchObject([{ name: "b", host: "192.0.2.12", port: 22, host_key: hostKey }]);
    expect(host.read("usr/local/etc/proxysql-carp/admin.password")).toBe(`${password}\n`);
    for (const text of [stdout, stderr, host.read(config)]) {
      expect(text).not.toContain("s3cret");
      expect(text).not.toContain("PRIVATE KEY");
    }

    const key = join(host.root, "usr/local/etc/proxysql-carp/id_ed25519");
    const line = readFileSync(`${key}.pub`, "utf8").trim();
    expect(
      execFileSync("ssh-keygen", ["-y", "-f", key], { encoding: "utf8" }).split(" ").slice(0, 2),
    ).toEqual(line.split(" ").slice(0, 2));
    expect(stdout).toContain(
      `command="/usr/local/bin/node /usr/local/libexec/proxysql-carp/dist/cli.js --config /usr/local/etc/proxysql-carp.toml serve",restrict ${line}\n`,
    );
    expect(stdout).toContain("Match User proxysql-carp\n");
  });

  it("installs a devd rule for these vhids that devd's own grammar takes", async () => {
    const host = makeHost();
    await host.yes("--vhid", "9@em0", "10@vlan0.10");
    const rules = parseDevdConfig(host.read("usr/local/etc/devd/proxysql-carp.conf"), "rule");
    expect(rules).toHaveLength(3);
    for (const { matches } of rules) {
      const pattern = new RegExp(`^${matches.find(({ variable }) => variable === "subsystem")?.pattern}$`);
      expect(
        ["9@em0", "10@vlan0.10", "10@vlan0x10", "9@em1", "19@em0"].map((one) => pattern.test(one)),
      ).toEqual([true, true, false, false, false]);
    }
    for (const name of ["rc.d/proxysql_carp", "libexec/proxysql-carp-notify"]) {
      const source = name.startsWith("rc.d") ? name : "devd/proxysql-carp-notify";
      const installed = name.startsWith("rc.d") ? `usr/local/etc/${name}` : `usr/local/${name}`;
      expect(host.read(installed)).toBe(readFileSync(source, "utf8"));
    }
  });

  it("only prints with --dry-run, and takes DESTDIR", async () => {
    const host = makeHost();
    const before = tree(host.root);
    const { code, stdout } = await run({ ...host.env, DESTDIR: host.root }, ["setup", "--dry-run", ...known]);
    expect(code).toBe(0);
    expect(stdout).toContain("create 0600 private key  /usr/local/etc/proxysql-carp/id_ed25519\n");
    expect(stdout).toContain("Nothing was done");
    expect(tree(host.root)).toEqual(before);

    expect((await run({ ...host.env, DESTDIR: host.root }, ["setup", "--yes", ...known])).code).toBe(0);
    const whole = tree(host.root);
    expect((await host.setup("--remove", "--dry-run")).code).toBe(0);
    expect(tree(host.root)).toEqual(whole);
  });

  it("tells everything that is missing at once, and writes nothing without a yes", async () => {
    const host = makeHost();
    const before = tree(host.root);
    const missing = await host.setup("--yes");
    expect(missing.code).toBe(2);
    expect(missing.stderr).toMatch(/--peer is needed[\s\S]*--peer-host is needed/);
    const unasked = await host.setup(...known);
    expect(unasked).toMatchObject({ code: 2 });
    expect(unasked.stderr).toContain("no terminal");
    expect(tree(host.root)).toEqual(before);
  });

  it("says all of it in one document with --json, without a secret", async () => {
    const host = makeHost();
    const dry = JSON.parse((await host.setup("--dry-run", "--json", ...known)).stdout) as Document;
    expect(dry).toMatchObject({
      schema: "proxysql-carp/setup/v1",
      action: "setup",
      done: null,
      publicKey: null,
    });
    const { stdout } = await host.yes("--json");
    const document = JSON.parse(stdout) as Document;
    expect(document).toMatchObject({
      root: host.root,
      dryRun: false,
      refused: [],
      found: { carp: [{ vhid: "9@em0", role: "MASTER" }], proxysql: { users: ["admin", "radmin"] } },
      hostKey: { line: hostKey, trusted: "given" },
      publicKey: host.read("usr/local/etc/proxysql-carp/id_ed25519.pub").trim(),
    });
    expect(document.planned.map(({ path }) => path)).toEqual(document.done);
    expect(stdout).not.toContain("s3cret");
    const removal = JSON.parse((await host.setup("--remove", "--yes", "--json")).stdout) as Document;
    expect(removal).toMatchObject({
      schema: "proxysql-carp/setup/v1",
      action: "remove",
      directoriesThatStay: [],
    });
    expect([...(removal.done ?? [])].sort()).toEqual([...(document.done ?? [])].sort());
  });
});

interface Document {
  readonly planned: readonly { readonly path: string }[];
  readonly done: readonly string[] | null;
}

describe("the peer's key", () => {
  it("is let in for one command, beside those that are there, and goes again", async () => {
    const host = makeHost();
    const before = tree(host.root);
    const [b, c] = [somebodysKey(host.dir, "b"), somebodysKey(host.dir, "c")];
    await host.yes();
    expect((await host.setup("--yes", "--peer-key", b)).code).toBe(0);
    writeFileSync(join(host.dir, "c.pub"), `${c}\n`);
    expect((await host.setup("--yes", "--peer-key", join(host.dir, "c.pub"))).code).toBe(0);
    expect((await host.setup("--yes", "--peer-key", b)).code).toBe(0);
    const lines = host.read("usr/local/etc/proxysql-carp/authorized_keys").trimEnd().split("\n");
    expect(lines.map((line) => line.replace(/^command="[^"]* serve",restrict /, "")).sort()).toEqual(
      [b, c].sort(),
    );
    await host.setup("--yes", "--remove");
    expect(tree(host.root)).toEqual(before);
  });

  it("is one line and nothing more", async () => {
    const host = makeHost();
    const key = somebodysKey(host.dir, "b");
    const before = tree(host.root);
    for (const bad of [
      `command="sh" ${key}`,
      `${key}\n${key}`,
      `from="*" ${key}`,
      "ssh-ed25519 AAAA",
      "/etc/passwd",
      "/nowhere",
    ]) {
      const { code, stderr } = await host.yes("--peer-key", bad);
      expect(`${bad}: ${code}`).toBe(`${bad}: 2`);
      expect(stderr).toContain("--peer-key");
    }
    expect(tree(host.root)).toEqual(before);
  });
});

describe("--enable", () => {
  /** sysrc(8) as far as setup calls it: one file, read, set and unset. */
  const sysrc = `
[ "$1" = -f ] || exit 64
file=$2; shift 2
case $1 in
-n) grep -q "^$2=" "$file" 2>/dev/null || exit 1; sed -n "s/^$2=\\"\\(.*\\)\\"$/\\1/p" "$file" ;;
-x) sed -i "/^$2=/d" "$file" ;;
*=*) sed -i "/^\${1%%=*}=/d" "$file"; echo "\${1%%=*}=\\"\${1#*=}\\"" >>"$file" ;;
esac`;

  it.each([
    ["what was not set is unset again", ""],
    ["what was set otherwise is so again", 'proxysql_carp_enable="NO"\n'],
  ])("sets rc.conf's variable, once; %s", async (_, rcConf) => {
    const host = makeHost();
    host.addProgram("sysrc", sysrc);
    host.write("etc/rc.conf", `hostname="x"\n${rcConf}`);
    const before = tree(host.root);
    const first = await host.yes("--enable");
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(host.read("etc/rc.conf")).toContain('proxysql_carp_enable="YES"\n');
    expect((await host.yes("--enable")).stdout).toContain("Nothing to do");
    expect((await host.setup("--yes", "--remove")).code).toBe(0);
    expect(tree(host.root)).toEqual(before);
  });

  it("is only suggested otherwise", async () => {
    const host = makeHost();
    host.addProgram("sysrc", "exit 65");
    expect((await host.yes()).stdout).toContain("sysrc proxysql_carp_enable=YES\n");
  });
});

const noSshd = sshdMissing();
describe.skipIf(noSshd !== undefined)(
  `the peer's host key${noSshd === undefined ? "" : ` (skipped: ${noSshd})`}`,
  () => {
    let server: Sshd;
    const types = ["ed25519", "ecdsa", "rsa"] as const;
    const dir = mkdtempSync(join(tmpdir(), "setup-sshd-"));
    const keys = types.map((type) => makeKeyPair(join(dir, type), type));
    const fingerprints = keys.map(({ publicLine }, index) => {
      const file = join(dir, `${types[index]}.pub`);
      writeFileSync(file, `${publicLine}\n`);
      return execFileSync("ssh-keygen", ["-lf", file], { encoding: "utf8" }).split(" ")[1] ?? "";
    });
    const peer = (): string[] => [
      "--peer",
      "b",
      "--peer-host",
      "127.0.0.1",
      "--peer-port",
      String(server.port),
    ];

    beforeAll(async () => {
      const [first, ...more] = keys.map(({ file }) => file);
      server = await startSshd({
        ...{ dir, hostKeyFile: first ?? "", moreHostKeyFiles: more, authorizedKey: "", command: "false" },
      });
    });
    afterAll(async () => {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    });

    it("is not trusted unseen", async () => {
      const host = makeHost();
      const before = tree(host.root);
      const { code, stderr } = await host.setup("--yes", ...peer());
      expect(code).toBe(1);
      expect(stderr).toContain(`ssh-ed25519 ${fingerprints[0]}`);
      expect(stderr).toContain("--host-key-fingerprint");
      expect((await host.setup("--yes", "--force", ...peer())).code).toBe(1);
      const dry = await host.setup("--dry-run", ...peer());
      expect(dry.code).toBe(0);
      expect(dry.stdout).toContain(
        `Refused: The sshd at 127.0.0.1 port ${server.port} shows ssh-ed25519 ${fingerprints[0]}`,
      );
      expect(tree(host.root)).toEqual(before);
    });

    it.each(types.map((type, index) => [type, index] as const))(
      "is pinned if its fingerprint is the one that is given: %s",
      async (_, index) => {
        const host = makeHost();
        const { code } = await host.setup(
          "--yes",
          ...peer(),
          "--host-key-fingerprint",
          fingerprints[index] ?? "",
        );
        expect(code).toBe(0);
        const pinned = loadConfig(join(host.root, config)).peer[0]?.host_key;
        expect(pinned).toBe(keys[index]?.publicLine.trim().split(" ").slice(0, 2).join(" "));
      },
    );

    it("is refused with any other fingerprint", async () => {
      const host = makeHost();
      const before = tree(host.root);
      const other = `SHA256:${"A".repeat(43)}`;
      const { code, stderr } = await host.setup("--yes", ...peer(), "--host-key-fingerprint", other);
      expect(code).toBe(3);
      for (const fingerprint of fingerprints) expect(stderr).toContain(fingerprint);
      expect((await host.setup("--yes", ...peer(), "--host-key-fingerprint", "SHA256:x")).code).toBe(2);
      expect(tree(host.root)).toEqual(before);
    });

    it("stays pinned without a network, and for the same place only", async () => {
      const host = makeHost();
      await host.setup("--yes", ...peer(), "--host-key-fingerprint", fingerprints[2] ?? "");
      const whole = tree(host.root);
      const { code, stderr } = await host.setup("--yes", "--peer-port", "1");
      expect(code).toBe(3);
      expect(stderr).toContain("127.0.0.1:1 cannot be reached");
      expect((await host.setup("--yes")).stdout).toMatch(/pinned\s+already/);
      expect(tree(host.root)).toEqual(whole);
    });
  },
);
