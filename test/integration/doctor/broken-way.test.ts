import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";
import { type PairNode, root } from "../../support/pair/node.js";
import { makeKeyPair } from "../../support/ssh-keys.js";
import { sshdMissing } from "../../support/sshd.js";
import {
  type DoctorPair,
  examine,
  patienceMs,
  probesAt,
  type Seen,
  startDoctorPair,
  until,
} from "./harness.js";

// The way to the peer and its disk, each link broken by its real cause, seen from node a.

let pair: DoctorPair;
let a: PairNode;
let b: PairNode;
beforeAll(async () => {
  pair = await startDoctorPair("warm");
  ({ a, b } = pair);
}, patienceMs);
afterAll(() => pair?.end(), patienceMs);

const noSshd = sshdMissing() !== undefined;
const canMount = !noSshd && spawnSync("unshare", ["-m", "true"]).status === 0;

/** Another SSH server at b until the test is over. */
async function otherSsh(options: Parameters<DoctorPair["startSsh"]>[1]): Promise<void> {
  await pair.stopSsh(b);
  onTestFinished(async () => {
    await pair.stopSsh(b);
    await pair.startSsh(b);
  });
  await pair.startSsh(b, options);
}

/** b's forced command as a shell's line. */
function serveLine(config = b.configFile): string {
  return `'${process.execPath}' '${join(root, "dist/cli.js")}' --config '${config}' serve`;
}

function expectOnly(seen: Seen, check: string, code: number, sentence: RegExp, todo: RegExp): void {
  expect(seen.failing).toEqual([check]);
  expect(seen.code).toBe(code);
  expect(seen.line(check)).toMatchObject({ about: "b" });
  expect(seen.line(check).sentence).toMatch(sentence);
  expect(seen.line(check).todo).toMatch(todo);
}

it("a name that is not found", async () => {
  const text = readFileSync(a.configFile, "utf8");
  writeFileSync(a.configFile, text.replace('host = "127.0.0.1"', 'host = "no-such-host.invalid"'));
  const seen = await examine(a);
  writeFileSync(a.configFile, text);

  expectOnly(seen, "peer-name", 3, /host of peer "b" is not found/, /\[\[peer\]\] host/);
  expect(seen.line("round-trip").state).toBe("not-checked");
});

it("an sshd that is down", async () => {
  await pair.stopSsh(b);
  onTestFinished(() => pair.startSsh(b));

  expectOnly(await examine(a), "peer-port", 3, /does not accept: .*ECONNREFUSED/, /sshd listen/);
});

it("an sshd that accepts and says nothing", async () => {
  await pair.stopSsh(b);
  const mute = createServer((socket) => socket.on("error", () => socket.destroy()));
  await new Promise<void>((resolve) => mute.listen(b.ports.ssh, "127.0.0.1", resolve));
  onTestFinished(async () => {
    mute.close();
    await pair.startSsh(b);
  });

  const seen = await examine(a);

  expectOnly(seen, "peer-host-key", 3, /no answer within/, /sshd listen/);
  expect(seen.line("peer-port").state).toBe("ok");
});

it.skipIf(noSshd)("another host key", async () => {
  const other = makeKeyPair(join(b.dir, "other_host_key"));
  await otherSsh({ hostKeyFile: other.file });

  const seen = await examine(a);

  expectOnly(seen, "peer-host-key", 3, /shows host key SHA256:.* is pinned/, /ssh-keygen -lf/);
  expect(seen.line("peer-login").state).toBe("not-checked");
});

it.skipIf(noSshd)("a key that is not accepted", async () => {
  await otherSsh({ key: makeKeyPair(join(b.dir, "other_key")).publicLine });

  expectOnly(await examine(a), "peer-login", 3, /does not accept our key SHA256:/, /authorized_keys/);
});

it.skipIf(noSshd)("a forced command that is another program, or another node's", async () => {
  await otherSsh({ command: "echo hello" });
  expectOnly(await examine(a), "peer-command", 3, /begins with "?hello|understood/, /proxysql-carp serve/);

  const config = join(b.dir, "other.toml");
  writeFileSync(config, readFileSync(b.configFile, "utf8").replace('name = "b"', 'name = "c"'));
  await pair.stopSsh(b);
  await pair.startSsh(b, { command: `exec ${serveLine(config)}` });
  expectOnly(await examine(a), "peer-command", 3, /calls itself "c"/, /\[node\] name there/);
});

it("a peer whose agent is down", async () => {
  await b.stopAgent();
  onTestFinished(async () => {
    b.startAgent();
    await until("b's agent answers", async () => (await b.status()).proxysql.serving);
  });

  const seen = await examine(a);

  expectOnly(seen, "peer-agent", 3, /sshd answers but no agent/, /service proxysql_carp start/);
  expect(seen.line("round-trip").state).toBe("ok");
});

it.skipIf(noSshd)("a peer of a version that knows no probes is a warning", async () => {
  // The same length, so that the frames stay what they are.
  const older = `process.stdin.on("data", (bytes) => process.stdout.write(bytes.toString("latin1").replaceAll('"probe-offer"', '"no-such-one"'), "latin1"))`;
  await otherSsh({
    command: `'${process.execPath}' -e '${older.replaceAll("'", "'\\''")}' | ${serveLine()}`,
  });

  const { failing, line, code } = await examine(a);

  expect([failing, code]).toEqual([[], 0]);
  expect(line("round-trip")).toMatchObject({ state: "warning" });
  expect(line("round-trip").sentence).toMatch(/knows no probe/);
  expect(line("round-trip").todo).toMatch(/Update proxysql-carp on b/);
});

/** b's forced command with something mounted at its scratch area, for that process alone. */
function mounted(mount: string): string {
  const probe = join(b.dir, "state/probe");
  return `mkdir -p ${probe}; exec unshare -m sh -c '${mount} ${probe} && exec "$@"' sh ${serveLine()}`;
}

it.skipIf(!canMount)("a disk of the peer's that is full", async () => {
  await otherSsh({ command: mounted("mount -t tmpfs -o size=8m tmpfs") });

  expectOnly(await examine(a), "round-trip", 1, /refused: .*the disk here has/, /On b: `df -h`/);
});

it.skipIf(!canMount)("a scratch area of the peer's that cannot be written", async () => {
  await otherSsh({ command: mounted("mount -t tmpfs -o ro tmpfs") });

  const seen = await examine(a);

  expectOnly(seen, "round-trip", 1, /refused: .*read-only/i, /On b: look at the directory probe/);
});

it("is well again after all of that, with nothing left of it", async () => {
  await until(
    "all is well",
    async () => {
      const { failing, warnings, document } = await examine(a);
      if (failing.length + warnings.length > 0)
        throw new Error(
          document.checks.flatMap(({ state, sentence }) => (state === "ok" ? [] : sentence)).join("; "),
        );
      return true;
    },
    120_000,
  );
  expect(probesAt(b)).toEqual([]);
});
