import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { createFrameParser, encodeFrame, type Frame, type Header, protocolVersion } from "./protocol.js";
import { type ServeOptions, serve } from "./serve.js";

function startServing(more: Partial<ServeOptions> = {}) {
  const dir = mkdtempSync(join(tmpdir(), "serve-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, "inbox"));
  const input = new PassThrough();
  const output = new PassThrough();
  const parser = createFrameParser();
  const answers: Frame[] = [];
  output.on("data", (bytes: Buffer) => void answers.push(...parser.push(bytes)));
  const done = serve({ stateDir: dir, runDir: dir, node: "b", input, output, ...more });
  let id = 0;
  async function ask(op: string, fields: object = {}, body?: Uint8Array): Promise<Header> {
    id += 1;
    const mine = id;
    input.write(encodeFrame({ ...fields, id: mine, op }, body));
    return expect
      .poll(() => answers.find(({ header }) => header.id === mine)?.header, { timeout: 5_000 })
      .toBeDefined()
      .then(() => {
        return answers.find(({ header }) => header.id === mine)?.header as Header;
      });
  }
  const hello = () => ask("hello", { protocol: protocolVersion, node: "a", version: "0", purpose: "bulk" });
  return { dir, input, output, done, ask, hello, answers };
}

test("nothing is answered before the greeting, and nothing that is unknown", async () => {
  const { ask, hello, input, done } = startServing();

  expect(await ask("latest")).toMatchObject({ ok: false, cause: "not-asked-so" });
  expect(await hello()).toMatchObject({ ok: true, protocol: protocolVersion, node: "b" });
  expect(await ask("latest")).toMatchObject({ ok: true, found: false });
  expect(await ask("remove")).toMatchObject({ ok: false, cause: "not-asked-so" });
  input.end();
  await done;
});

test("another protocol is told ours", async () => {
  const { ask, input, done } = startServing();

  expect(await ask("hello", { protocol: 99, node: "a" })).toMatchObject({
    ok: false,
    cause: "protocol",
    protocol: protocolVersion,
  });
  input.end();
  await done;
});

test("a heartbeat is answered while this host's agent hangs", async () => {
  const { ask, hello, input, done, dir, answers } = startServing({ agentMs: 400 });
  const agent = createServer(() => {});
  await new Promise<void>((resolve) => agent.listen(join(dir, "peer.sock"), resolve));
  onTestFinished(() => void agent.close());
  await hello();
  const status = ask("status");
  await ask("ping");
  await status;

  expect(answers.map(({ header }) => header.id)).toEqual([1, 3, 2]);
  input.end();
  await done;
});

test("it ends by itself when nothing is asked, but not while something is", async () => {
  const { done, hello } = startServing({ idleMs: 150 });
  await hello();
  await done;
});

test("it ends when it is told to, with the input still open", async () => {
  const stopping = new AbortController();
  const { done, hello, input } = startServing({ signal: stopping.signal });
  await hello();
  stopping.abort();
  await done;

  expect(input.destroyed).toBe(true);
});

test("it ends when nobody reads its answers any more", async () => {
  const { done, hello, output } = startServing();
  await hello();
  output.destroy(new Error("EPIPE"));
  await done;
});

test("what is not our protocol is a named error", async () => {
  const { done, input } = startServing();
  input.write("SSH-2.0-OpenSSH_9.6\r\n");

  await expect(done).rejects.toMatchObject({ code: "peer-protocol" });
});

test("pieces without an offer, and an offer without a manifest, are refused", async () => {
  const { ask, hello, input, done, dir } = startServing();
  await hello();

  expect(await ask("chunk", { name: "proxysql.db.gz", offset: 0 }, Buffer.from("x"))).toMatchObject({
    ok: false,
    cause: "not-asked-so",
  });
  expect(await ask("commit")).toMatchObject({ ok: false, cause: "not-asked-so" });
  expect(await ask("offer", { files: [] }, Buffer.from("{}"))).toMatchObject({
    ok: false,
    cause: "manifest-invalid",
  });
  expect(await ask("fetch", { snapshot: "../../etc" })).toMatchObject({ ok: false, cause: "missing" });
  expect(await ask("read", { snapshot: "../../etc", name: "passwd", offset: 0, length: 10 })).toMatchObject({
    ok: false,
  });
  expect(readdirSync(join(dir, "inbox"))).toEqual([]);
  input.end();
  await done;
});

test("whatever is asked, every question has one answer, and the store stays as it was", async () => {
  const op = fc.constantFrom(
    "ping",
    "latest",
    "list",
    "status",
    "fetch",
    "read",
    "offer",
    "chunk",
    "commit",
    "probe-offer",
    "probe-chunk",
    "probe-verify",
    "probe-read",
    "probe-end",
    "hello",
    "else",
  );
  const question = fc.record({
    op,
    fields: fc.dictionary(
      fc.constantFrom("name", "offset", "length", "snapshot", "files", "protocol", "accept"),
      fc.jsonValue(),
    ),
    body: fc.uint8Array({ maxLength: 200 }),
  });
  const property = fc.asyncProperty(fc.array(question, { maxLength: 12 }), async (questions) => {
    const { hello, input, done, answers, dir } = startServing({ agentMs: 50 });
    await hello();
    for (const [place, { op: name, fields, body }] of questions.entries()) {
      input.write(encodeFrame({ ...fields, id: 100 + place, op: name }, body));
    }
    input.end();
    await done;

    const ids = answers.map(({ header }) => header.id).filter((id) => id >= 100);
    expect(ids.sort((x, y) => x - y)).toEqual(questions.map((_, place) => 100 + place));
    expect(readdirSync(dir).filter((name) => name !== "work")).toEqual(["inbox"]);
    expect(readdirSync(join(dir, "inbox"))).toEqual([]);
  });
  await fc.assert(property, { numRuns: 40 });
}, 60_000);

/** An agent on `peer.sock` that gives one answer to everything, and what it was asked. */
async function startAgent(dir: string, answer: string): Promise<unknown[]> {
  const asked: unknown[] = [];
  const agent = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (bytes) => {
      asked.push(JSON.parse(bytes.toString()));
      socket.end(`${answer}\n`);
    });
  });
  await new Promise<void>((resolve) => agent.listen(join(dir, "peer.sock"), resolve));
  onTestFinished(() => void agent.close());
  return asked;
}

test("a change of the other side's role is told to this host's agent, under the name that it greeted with", async () => {
  const { ask, hello, input, done, dir } = startServing();
  await hello();
  expect(await ask("announce", { role: "MASTER", leads: 7 })).toMatchObject({ ok: true, told: false });

  const asked = await startAgent(dir, '{"ok":true}');
  expect(await ask("announce", { role: "BACKUP", leads: null, node: "c" })).toMatchObject({ told: true });
  expect(asked).toEqual([{ op: "peer-announces", node: "a", role: "BACKUP" }]);
  expect(await ask("announce", { role: "KING" })).toMatchObject({ ok: false, cause: "failed" });
  expect(asked).toHaveLength(1);
  input.end();
  await done;
});

test.each(["", "a b", "../a", "a\u001b[2J", 7, undefined])(
  "a role is not told of one whose name is none: %j",
  async (node) => {
    const { ask, input, done, dir } = startServing();
    const asked = await startAgent(dir, '{"ok":true}');
    await ask("hello", { protocol: protocolVersion, node, purpose: "control" });

    expect(await ask("announce", { role: "MASTER" })).toMatchObject({ ok: false, cause: "failed" });
    expect(asked).toEqual([]);
    input.end();
    await done;
  },
);

test.each([
  ["MASTER", "both-master"],
  ["BACKUP", "manifest-invalid"],
  ["unknown", "manifest-invalid"],
])("while this host's agent says %s, what is offered is looked at: %s", async (role, cause) => {
  const { ask, hello, input, done, dir } = startServing();
  await hello();
  expect(await ask("offer", {})).toMatchObject({ ok: false, cause: "manifest-invalid" });
  await startAgent(dir, JSON.stringify({ ok: true, role }));

  expect(await ask("offer", {})).toMatchObject({ ok: false, cause });
  expect(readdirSync(dir)).not.toContain("quarantine");
  input.end();
  await done;
});

test("the agent's report goes over without the socket's own words", async () => {
  const { ask, hello, input, done, dir, answers } = startServing();
  await hello();
  const status = (): unknown => JSON.parse(answers.at(-1)?.body.toString() ?? "null");
  await startAgent(dir, '{"ok":true,"role":"BACKUP"}');
  await ask("status");

  expect(status()).toMatchObject({ agent: "up", report: { role: "BACKUP" } });
  expect(status()).not.toHaveProperty("report.ok");
  input.end();
  await done;
});

test("an agent that answers with an error is up, and has no report", async () => {
  const { ask, hello, input, done, dir, answers } = startServing();
  await hello();
  await startAgent(dir, '{"ok":false,"error":"no"}');
  await ask("status");

  expect(JSON.parse(answers.at(-1)?.body.toString() ?? "null")).toMatchObject({ agent: "up", report: null });
  input.end();
  await done;
});
