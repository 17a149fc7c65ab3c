import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, vi } from "vitest";
import { notify } from "./notify.js";

it("makes a missing state directory as the agent would, and the spool for itself alone", async () => {
  const dir = mkdtempSync(join(tmpdir(), "notify-"));
  const file = join(dir, "proxysql-carp.toml");
  const state = join(dir, "db/proxysql-carp");
  writeFileSync(
    file,
    `[node]\nname = "a"\nstate_dir = "${state}"\nrun_dir = "${dir}"\n[carp]\nvhids = ["9@em0"]
[proxysql]\nadmin_password_file = "/dev/null"
[[peer]]\nname = "b"\nhost = "192.0.2.12"\nkey_file = "/dev/null"
host_key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPakNcVO9TXCpb977ZR21+lQqih0z1+QizbLL2TjpDLw"\n`,
  );
  const print = vi.spyOn(process.stdout, "write").mockReturnValue(true);
  const code = await notify(file, "MASTER", "9@em0");
  print.mockRestore();

  const spool = join(state, "spool");
  const modes = [state, spool].map((path) => statSync(path).mode & 0o777);
  const events = readdirSync(spool).map((name) => readFileSync(join(spool, name), "utf8"));
  rmSync(dir, { recursive: true });

  expect(code).toBe(0);
  expect(modes).toEqual([0o711, 0o700]);
  expect(events).toEqual(['{"op":"event","type":"MASTER","subsystem":"9@em0"}\n']);
});
