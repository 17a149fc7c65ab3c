import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { AdminClient } from "./admin-client.js";

test("a client that was ended opens no connection any more, which would keep the process", async () => {
  const dir = mkdtempSync(join(tmpdir(), "admin-"));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const passwordFile = join(dir, "password");
  writeFileSync(passwordFile, "admin\n");
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const client = new AdminClient({ host: "127.0.0.1", port, user: "admin", passwordFile });
  await expect(client.query("SELECT 1")).rejects.toMatchObject({ code: "proxysql-unreachable" });
  expect(connections).toBe(1);

  client.end();

  await expect(client.query("SELECT 1")).rejects.toMatchObject({ code: "proxysql-unreachable" });
  expect(connections).toBe(1);
});
