import { describe, expect, it } from "vitest";
import type { CarpView } from "../carp/observe.js";
import { judgeDatabase } from "./database.js";
import {
  isExpected,
  isSilent,
  judgeAdmin,
  judgeClients,
  judgeDatabaseFile,
  judgeService,
  judgeVersion,
} from "./proxysql.js";
import { known, told } from "./test-told.js";

describe("ProxySQL", () => {
  it("is expected to run always in warm standby, in cold only where an address is", () => {
    const at = (role: CarpView["role"], holdsAddress = false) => ({ role, holdsAddress });
    expect(isExpected("warm", undefined)).toBe(true);
    expect(isExpected("cold", at("MASTER"))).toBe(true);
    expect(isExpected("cold", at("BACKUP", true))).toBe(true);
    expect(isExpected("cold", at("BACKUP"))).toBe(false);
    expect(isExpected("cold", at("unknown"))).toBeNull();
    expect(isExpected("cold", undefined)).toBeNull();
  });

  it("has a service that rc knows", () => {
    expect(told(judgeService("p", "p is running as pid 7.\nmore"))).toBe("ok: p is running as pid 7.");
    expect(judgeService("p", "p is not running.").state).toBe("ok");
    expect(told(judgeService("p", "p does not exist in /etc/rc.d or the local startup"))).toMatch(/^failing/);
    expect(judgeService("p", null).state).toBe("not-checked");
  });

  it.each([
    [{ version: "2.7.1" }, true, /^ok: answers, version 2\.7\.1$/],
    [{ version: "2.7.1" }, false, /^warning: .*should be stopped/],
    [{ error: known("proxysql-unreachable") }, true, /^failing: .*service p onestart/],
    [{ error: known("proxysql-unreachable") }, false, /^ok: is stopped/],
    [{ error: known("proxysql-unreachable") }, null, /^not-checked/],
    [{ error: known("proxysql-refused") }, false, /^failing: .*admin-admin_credentials/],
    [{ error: known("deadline") }, true, /^failing: It is so\./],
  ])("admin %#", (seen, expected, verdict) => {
    expect(told(judgeAdmin(seen, expected, "p"))).toMatch(verdict);
  });

  it("that is silent has nothing more to tell", () => {
    expect(isSilent({ version: "2.7.1" })).toBe(false);
    expect(isSilent({ error: known("proxysql-refused") })).toBe(false);
    expect(isSilent({ error: known("deadline") })).toBe(true);
    expect(isSilent({ error: known("proxysql-unreachable") })).toBe(true);
  });

  it.each([
    ["2.7.1", /^ok/],
    ["v3.0.8", /^ok/],
    ["2.50.1", /^warning/],
    ["3.1.0", /^warning: .*3\.1\.0 is not one of/],
    [null, /^warning/],
  ])("version %s", (version, expected) => {
    expect(told(judgeVersion({ version }))).toMatch(expected);
  });

  it("greets clients", () => {
    const place = { client_host: "h", client_port: 1 };
    const deaf = { ok: false, refused: true, why: "refused" } as const;
    expect(judgeClients({ ok: true, serverVersion: "8" }, true, place).state).toBe("ok");
    expect(told(judgeClients(deaf, true, place))).toMatch(/^failing: .*h:1 does not greet: refused/);
    expect(judgeClients(deaf, false, place).state).toBe("ok");
    expect(judgeClients(deaf, null, place).state).toBe("not-checked");
  });

  const file = {
    path: "/d/proxysql.db",
    uid: 7,
    gid: 8,
    mode: 0o640,
    directory: { uid: 7, gid: 8, mode: 0o755 },
  };
  it.each([
    [{}, /^ok: owner 7:8, mode 0640$/],
    [{ uid: 0 }, /^failing: .*user id 0, not to 7.* \| `chown 7:8/],
    [{ mode: 0o440 }, /^failing: .*aborts at its start/],
    [{ mode: 0o644 }, /^warning: .*passwords/],
    [{ mode: 0o644, directory: { uid: 7, gid: 8, mode: 0o750 } }, /^ok/],
  ])("database's file %#", (changed, expected) => {
    expect(told(judgeDatabaseFile({ ...file, ...changed }, { uid: 7, gid: 8 }))).toMatch(expected);
  });

  it("has a sound database with variables in it", () => {
    const owner = { uid: 7, gid: 8 };
    const sound = { isDatabase: true, problems: [], tables: { global_variables: { rows: 1 } } };
    expect(told(judgeDatabase(file, owner, sound))).toBe("ok: sound, owner 7:8, mode 0640");
    expect(told(judgeDatabase(file, owner, { ...sound, problems: ["page 3"] }))).toMatch(
      /^failing: .*page 3/,
    );
    expect(judgeDatabase(file, owner, { ...sound, isDatabase: false }).state).toBe("failing");
    expect(told(judgeDatabase(file, owner, { ...sound, tables: {} }))).toMatch(/^failing: .*no variables/);
    expect(judgeDatabase(file, owner, { error: new Error("no") }).state).toBe("failing");
  });
});
