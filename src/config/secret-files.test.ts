import { chmodSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseConfig } from "./load.js";
import { secretFileMistakes } from "./secret-files.js";

let dir: string;
let password: string;
let key: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "secret-files-"));
  password = join(dir, "admin.password");
  key = join(dir, "id_ed25519");
  writeFileSync(password, "s3cret\n");
  writeFileSync(key, "s3cret\n");
});

afterAll(() => rmSync(dir, { recursive: true }));

function mistakes(passwordFile = password, keyFile = key, more = ""): string[] {
  const config = parseConfig(
    `[node]\nname = "a"\n[carp]\nvhids = ["9@em0"]\n[proxysql]\nadmin_password_file = "${passwordFile}"
[[peer]]\nname = "b"\nhost = "192.0.2.12"\nkey_file = "${keyFile}"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw"\n${more}`,
    "x.toml",
  );
  return secretFileMistakes(config).map(({ path, sentence }) => `${path.join(".")}: ${sentence}`);
}

function modes(ofPassword: number, ofKey: number): void {
  chmodSync(password, ofPassword);
  chmodSync(key, ofKey);
}

describe("secretFileMistakes", () => {
  it.each([
    [0o600, 0o600],
    [0o400, 0o400],
    [0o640, 0o600],
  ])("takes a password of mode %o and a key of mode %o", (ofPassword, ofKey) => {
    modes(ofPassword, ofKey);
    expect(mistakes()).toEqual([]);
  });

  it.each([0o644, 0o604, 0o602, 0o666])("refuses a password file of mode %o, and says what to do", (mode) => {
    modes(mode, 0o600);
    const [sentence, ...more] = mistakes();

    expect(more).toEqual([]);
    expect(sentence).toContain(
      `proxysql.admin_password_file: expected a file for its owner alone, found ${password}`,
    );
    expect(sentence).toContain(
      `mode 0${mode.toString(8)}, open to every user of this host. Run \`chmod 0600 ${password}\``,
    );
    expect(sentence).not.toContain("s3cret");
  });

  it("refuses a password file of the MySQL servers' login that everybody can read", () => {
    modes(0o644, 0o600);
    const own = join(dir, "own.password");
    writeFileSync(own, "s3cret\n", { mode: 0o600 });
    const fence = `[fence]\nmysql_password_file = "${password}"\n`;
    expect(mistakes(own, key, fence)).toEqual([
      expect.stringContaining(`fence.mysql_password_file: expected a file for its owner alone`),
    ]);
    modes(0o600, 0o600);
    expect(mistakes(own, key, fence)).toEqual([]);
  });

  it.each([
    [0o640, "the group of the file"],
    [0o644, "every user of this host"],
  ])("refuses a private key of mode %o, as ssh does", (mode, who) => {
    modes(0o600, mode);
    expect(mistakes()).toEqual([expect.stringContaining(`peer.0.key_file: expected`)]);
    expect(mistakes()[0]).toContain(`open to ${who}`);
  });

  it("refuses the lock's secret where everybody may read it", () => {
    modes(0o600, 0o600);
    const secret = join(dir, "lock.secret");
    writeFileSync(secret, "s3cret\n", { mode: 0o644 });
    const lock = `[lock]\nkind = "consul"\nendpoints = ["http://c:8500"]\nsecret_file = "${secret}"\n`;
    expect(mistakes(password, key, lock)).toEqual([expect.stringContaining("lock.secret_file: expected")]);
    chmodSync(secret, 0o600);
    expect(mistakes(password, key, lock)).toEqual([]);
  });

  it("tells every file at once, and looks through a link", () => {
    modes(0o644, 0o644);
    const link = join(dir, "link");
    symlinkSync(password, link);
    expect(mistakes(link)).toEqual([expect.stringContaining(link), expect.stringContaining(key)]);
  });

  it("leaves a file that is not there to who needs it", () => {
    expect(mistakes(join(dir, "none"), join(password, "below-a-file"))).toEqual([]);
  });
});
