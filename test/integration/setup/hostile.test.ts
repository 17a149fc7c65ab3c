import { chmodSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../../src/config/load.js";
import { config, type Host, known, makeHost, proxysqlConfig, run, tree } from "./harness.js";

async function refusal(host: Host, ...args: string[]): Promise<{ code: number; stderr: string }> {
  const before = tree(host.root);
  const { code, stderr } = await host.yes(...args);
  expect(tree(host.root)).toEqual(before);
  // Whatever came in, no terminal is told to do anything.
  expect(stderr).not.toMatch(/\p{Cc}(?<!\n)/u);
  return { code, stderr };
}

describe("hostile values", () => {
  it.each([
    ["--node", 'a"\nadmin_user = "x'],
    ["--node", "-a"],
    ["--peer", "b c"],
    ["--peer", "\u001b[2J"],
    ["--peer", "a"],
    ["--peer-host", 'x"\nhost_key = "'],
    ["--peer-host", "-oProxyCommand=sh"],
    ["--peer-host", "b c"],
    ["--peer-port", "0"],
    ["--peer-port", "22 "],
    ["--peer-user", "root;id"],
    ["--vhid", '9@em0"; action "sh'],
    ["--vhid", "9@em 0"],
    ["--vhid", "256@em0"],
    ["--admin-user", "x\ny"],
    ["--service", "proxysql;id"],
    ["--datadir", "relative"],
    ["--standby", "hot"],
  ])("are refused as %s %j", async (option, value) => {
    const { code, stderr } = await refusal(makeHost(), `${option}=${value}`);
    expect(`${code} ${stderr}`).toMatch(new RegExp(`^2 proxysql-carp: ${option}: `));
  });

  it("are no more than a value where any value is good", async () => {
    const host = makeHost();
    const datadir = '/var/db/proxy sql"\'$(id)\n[http]\nlisten = "0.0.0.0:1"\\';
    expect((await host.yes(`--datadir=${datadir}`)).code).toBe(0);
    const loaded = loadConfig(join(host.root, config));
    expect(loaded.proxysql.datadir).toBe(datadir);
    expect(loaded.http).toBeUndefined();
  });

  it("are no matter in the scratch root's own name", async () => {
    const host = makeHost('a root\'s "own" $(id) name');
    const before = tree(host.root);
    expect((await host.yes()).code).toBe(0);
    expect((await host.setup("--yes")).stdout).toContain("Nothing to do");
    expect((await host.setup("--yes", "--remove")).code).toBe(0);
    expect(tree(host.root)).toEqual(before);
  });

  it.each(["/usr/local/etc/my carp.toml", "carp.toml", "/etc/x;id.toml"])(
    "are refused as the configuration's path, which rc(8) could not use: %s",
    async (path) => {
      const host = makeHost();
      const { code, stderr } = await run(host.env, [
        "--config",
        path,
        "setup",
        "--yes",
        "--root",
        host.root,
        ...known,
      ]);
      expect(code).toBe(2);
      expect(stderr).toContain(path);
    },
  );

  it("in ProxySQL's file are only values too, and what is no such file is told", async () => {
    const host = makeHost();
    host.write("usr/local/etc/proxysql/proxysql.cfg", proxysqlConfig('p"w\\x;y').replace("y;", "y;"), 0o640);
    expect((await host.yes()).code).toBe(0);
    await host.setup("--yes", "--remove");
    host.write("usr/local/etc/proxysql/proxysql.cfg", "admin_variables={ admin_credentials=`s3cret`", 0o640);
    const { code, stderr, stdout } = await host.yes();
    expect(code).toBe(2);
    expect(stderr).toContain("--admin-password-file is needed");
    expect(stdout).toContain("line 1");
    expect(stdout + stderr).not.toContain("s3cret");
  });
});

describe("a password", () => {
  const file = "root/admin.pw";

  it.each([
    ["0644", 1],
    ["0640", 1],
    ["0602", 1],
    ["0600", 0],
    ["0400", 0],
  ])("in a file of somebody's with mode %s ends with %i", async (mode, expected) => {
    const host = makeHost();
    host.write(file, "x\n", Number.parseInt(mode, 8));
    const { code, stderr } = await host.yes("--admin-password-file", `/${file}`);
    expect(code).toBe(expected);
    if (expected === 1) expect(stderr).toContain(`/${file} has mode ${mode}`);
    else {
      expect(loadConfig(join(host.root, config)).proxysql.admin_password_file).toBe(`/${file}`);
      expect(existsSync(join(host.root, "usr/local/etc/proxysql-carp/admin.password"))).toBe(false);
    }
  });

  it("is not used if it lies open already where setup would put it", async () => {
    const host = makeHost();
    host.write("usr/local/etc/proxysql-carp/admin.password", "x\n", 0o644);
    const { code, stderr } = await refusal(host, "--force");
    expect(code).toBe(1);
    expect(stderr).toContain("admin.password: others than its owner can read it");
  });

  it("that ProxySQL's own file shows to everybody, or that is the default one, is told", async () => {
    const host = makeHost();
    host.write("usr/local/etc/proxysql/proxysql.cfg", proxysqlConfig("admin"), 0o644);
    const document = JSON.parse((await host.yes("--json")).stdout) as { remarks: string[] };
    expect(document.remarks.join("\n")).toMatch(/Everybody can read[\s\S]*default/);
  });
});

describe("a scratch root", () => {
  it("is not left by a link in it", async () => {
    const host = makeHost();
    const outside = join(host.dir, "outside");
    mkdirSync(outside);
    rmSync(join(host.root, "usr/local/etc/devd"), { recursive: true, force: true });
    symlinkSync(outside, join(host.root, "usr/local/etc/devd"));
    const { code, stderr } = await refusal(host, "--force");
    expect(code).toBe(1);
    expect(stderr).toContain("leads out of");
    expect(tree(outside)).toEqual({});
  });

  it("may have links within it", async () => {
    const host = makeHost();
    mkdirSync(join(host.root, "data"));
    renameSync(join(host.root, "var/db"), join(host.root, "data/db"));
    symlinkSync("../data/db", join(host.root, "var/db"));
    const before = tree(host.root);
    expect(await host.yes()).toMatchObject({ code: 0, stderr: "" });
    expect(host.mode("data/db/proxysql-carp/setup.json")).toBe("0600");
    await host.setup("--yes", "--remove");
    expect(tree(host.root)).toEqual(before);
  });

  it("has to be there, by an absolute path", async () => {
    const host = makeHost();
    for (const root of ["relative", join(host.dir, "nowhere")]) {
      expect((await run(host.env, ["setup", "--yes", "--root", root, ...known])).code).toBe(2);
    }
  });
});

describe("devd", () => {
  const other = "usr/local/etc/devd/other.conf";
  const notify = (priority: number, action: string): string =>
    `notify ${priority} {\n match "system" "CARP";\n match "subsystem" "[0-9]+@em0";\n action "${action}";\n};\n`;

  async function remarks(host: Host): Promise<string> {
    const { stdout } = await host.yes("--json");
    return (JSON.parse(stdout) as { remarks: string[] }).remarks.join("\n");
  }

  it.each([
    ["comes before ours", 700, /other\.conf:1 \(700\).*comes before ours/],
    ["may come before ours", 673, /other\.conf:1 \(673\).*either may win/],
    ["no longer runs", 101, /other\.conf:1 \(101\) no longer runs for events of 9@em0/],
  ])("has a rule of somebody else that %s: that is told", async (_, priority, told) => {
    const host = makeHost();
    host.write(other, notify(priority, "/usr/bin/true"));
    expect(await remarks(host)).toMatch(told);
  });

  it("has rules for other events: nothing to tell", async () => {
    const host = makeHost();
    host.write(other, notify(700, "/usr/bin/true").replace("em0", "em1"));
    expect(await remarks(host)).toBe("");
  });

  it("does not start with what is there already: that is told", async () => {
    const host = makeHost();
    host.write(other, 'notify 1 { match "a" ""; };\n');
    expect(await remarks(host)).toContain(
      "devd does not start with its present configuration: /usr/local/etc/devd/other.conf:1",
    );
  });
});

it("keeps a private key that is there, and refuses what is none", async () => {
  const host = makeHost();
  await host.yes();
  const key = host.read("usr/local/etc/proxysql-carp/id_ed25519");
  rmSync(join(host.root, "var/db/proxysql-carp"), { recursive: true });
  expect((await host.yes()).code).toBe(0);
  expect(host.read("usr/local/etc/proxysql-carp/id_ed25519")).toBe(key);
  writeFileSync(join(host.root, "usr/local/etc/proxysql-carp/id_ed25519"), "none\n");
  chmodSync(join(host.root, "usr/local/etc/proxysql-carp/id_ed25519"), 0o600);
  const { code, stderr } = await refusal(host, "--force");
  expect(code).toBe(1);
  expect(stderr).toContain("is not a private key");
});

it("tells why it found no vhid", async () => {
  const host = makeHost();
  host.addProgram("ifconfig", "echo broken >&2; exit 1");
  const { code, stderr } = await refusal(host);
  expect(code).toBe(2);
  expect(stderr).toContain("--vhid is needed");
  expect((await host.yes("--vhid", "9@em0")).code).toBe(0);
});
