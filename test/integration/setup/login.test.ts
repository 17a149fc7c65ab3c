import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { Settings } from "../../../src/setup/settings.js";
import { tryLogin } from "../../../src/setup/try-login.js";
import { scratch } from "../../../src/snapshot/test-fixtures.js";
import { startProxysql } from "../../support/proxysql.js";

it("tells whether ProxySQL takes the password that its configuration file once had", async () => {
  const dir = scratch();
  const running = await startProxysql({ datadir: dir });
  onTestFinished(async () => void (await running.kill()));
  const passwordFile = join(dir, "password");
  const settings = (port: number): Settings => ({
    ...{ node: "a", vhids: ["9@em0"], standby: "warm", passwordFile },
    proxysql: {
      ...{ datadir: dir, adminHost: "127.0.0.1", adminPort: port, adminSocket: null, adminUser: "admin" },
      ...{ clientHost: "127.0.0.1", clientPort: 1, service: "proxysql" },
    },
    peer: { name: "b", host: "192.0.2.12", port: 22, user: "proxysql-carp" },
  });

  writeFileSync(passwordFile, "admin\n", { mode: 0o600 });
  expect((await tryLogin(settings(running.adminPort))).outcome).toBe("accepted");
  writeFileSync(passwordFile, "another\n");
  const refused = await tryLogin(settings(running.adminPort));
  expect(refused.outcome).toBe("refused");
  expect(refused.sentence).toContain(`Put the right password into ${passwordFile}.`);
  expect(refused.sentence).not.toContain("another");
  await running.kill();
  expect((await tryLogin(settings(running.adminPort))).outcome).toBe("no answer");
});
