/**
 * node build/test/support/host/tcp-bridge.js SOCKET ADDRESS PORT: brings connections to a Unix socket on to a TCP
 * port. A test runs outside the network namespaces of its hosts, but shares the file system with them.
 */
import { rmSync } from "node:fs";
import { connect, createServer } from "node:net";

const [path, host, port] = process.argv.slice(2);
if (path === undefined || host === undefined || port === undefined) {
  throw new Error("usage: tcp-bridge SOCKET ADDRESS PORT");
}
rmSync(path, { force: true });
createServer((client) => {
  const server = connect(Number(port), host);
  client.pipe(server).pipe(client);
  client.on("error", () => server.destroy());
  server.on("error", () => client.destroy());
}).listen(path);
