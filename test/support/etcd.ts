import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "./host/wait.js";

/** Why no etcd can be started here, or undefined. */
export function missingEtcd(): string | undefined {
  return spawnSync("etcd", ["--version"], { stdio: "ignore" }).status === 0
    ? undefined
    : "etcd missing: apt-get install etcd-server";
}

/** A real etcd of one member on the loopback, with its data in a directory of its own. */
export class Etcd {
  readonly dir = mkdtempSync(join(tmpdir(), "carp-etcd-"));
  readonly #tls: boolean;
  readonly #host: string;
  readonly #within: readonly string[];
  #ports: readonly [client: number, peer: number] = [0, 0];
  #process: ChildProcess | undefined;

  /** `namespace`: where it runs and has the address `host`; else here, on the loopback. */
  constructor(options: { tls?: boolean; namespace?: string; host?: string } = {}) {
    this.#tls = options.tls ?? false;
    this.#host = options.host ?? "127.0.0.1";
    this.#within = options.namespace === undefined ? [] : ["ip", "netns", "exec", options.namespace];
  }

  get url(): string {
    return `${this.#tls ? "https" : "http"}://${this.#host}:${this.#ports[0]}`;
  }

  /** The certificate that its own is signed by: itself. */
  get ca(): string {
    return join(this.dir, "cert.pem");
  }

  get log(): string {
    return readFileSync(join(this.dir, "log"), "utf8");
  }

  /** Starts it, or starts it again with the data that it had. */
  async start(): Promise<void> {
    if (this.#ports[0] === 0) {
      this.#ports = [await freePort(), await freePort()];
      mkdirSync(join(this.dir, "data"), { mode: 0o700 });
      if (this.#tls) makeCertificate(this.dir);
    }
    const peerUrl = `http://127.0.0.1:${this.#ports[1]}`;
    const tls = ["--cert-file", this.ca, "--key-file", join(this.dir, "key.pem")];
    const log = openSync(join(this.dir, "log"), "a");
    const args = [
      ["--name", "one", "--data-dir", join(this.dir, "data")],
      ["--listen-client-urls", this.url, "--advertise-client-urls", this.url],
      ["--listen-peer-urls", peerUrl, "--initial-advertise-peer-urls", peerUrl],
      ["--initial-cluster", `one=${peerUrl}`],
      // Its shortest lease is 1.5 times this, rounded up.
      ["--heartbeat-interval", "50", "--election-timeout", "500"],
      this.#tls ? tls : [],
    ].flat();
    const [program = "etcd", ...more] = [...this.#within, "etcd", ...args];
    this.#process = spawn(program, more, { stdio: ["ignore", log, log] });
    closeSync(log);
    await waitFor("etcd answers", () => this.#isHealthy());
  }

  #isHealthy(): boolean {
    const [program = "curl", ...args] = [...this.#within, "curl", "-sk", "-m", "1", `${this.url}/health`];
    const { stdout } = spawnSync(program, args, { encoding: "utf8" });
    return stdout.includes('"true"');
  }

  /** Stops in the middle of whatever it does, or goes on. */
  freeze(frozen: boolean): void {
    this.#process?.kill(frozen ? "SIGSTOP" : "SIGCONT");
  }

  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await ended;
  }

  async remove(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }

  /** One call of its API, as anybody. */
  async call(path: string, body: unknown, token?: string): Promise<Record<string, unknown>> {
    const headers = token === undefined ? {} : { authorization: token };
    const answer = await fetch(`${this.url}${path}`, { method: "POST", body: JSON.stringify(body), headers });
    const found = (await answer.json()) as Record<string, unknown>;
    if (!answer.ok) throw new Error(JSON.stringify(found));
    return found;
  }

  /** Asks for passwords from now on: root's is "root", and this user may use keys below proxysql-carp/. */
  async protect(user: string, password: string): Promise<void> {
    const [from, to] = ["proxysql-carp/", "proxysql-carp0"].map((key) => Buffer.from(key).toString("base64"));
    await this.call("/v3/auth/user/add", { name: "root", password: "root" });
    await this.call("/v3/auth/role/add", { name: "root" });
    await this.call("/v3/auth/user/grant", { user: "root", role: "root" });
    await this.call("/v3/auth/user/add", { name: user, password });
    await this.call("/v3/auth/role/add", { name: "carp" });
    const perm = { permType: "READWRITE", key: from, range_end: to };
    await this.call("/v3/auth/role/grant", { name: "carp", perm });
    await this.call("/v3/auth/user/grant", { user, role: "carp" });
    await this.call("/v3/auth/enable", {});
  }
}

/** A certificate for 127.0.0.1, signed by itself. */
export function makeCertificate(dir: string): void {
  const config = join(dir, "openssl.cnf");
  writeFileSync(
    config,
    "[req]\ndistinguished_name=dn\nx509_extensions=ext\nprompt=no\n[dn]\nCN=lock\n[ext]\nsubjectAltName=IP:127.0.0.1\n",
  );
  const files = ["-keyout", join(dir, "key.pem"), "-out", join(dir, "cert.pem")];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  execFileSync("openssl", ["req", "-x509", ...key, "-days", "2", "-config", config, ...files], {
    stdio: "ignore",
  });
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new Error("no port");
  return address.port;
}
