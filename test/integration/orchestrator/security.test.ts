import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { makeCertificates } from "../../support/certificates.js";
import { threeServers } from "../../support/orchestrator.js";
import { clientOf, soon, standIn, viewOf } from "./harness.js";

const instances = threeServers();
const data = { instances: false };
const token = "0123abcd:4567ef";

function scratch(): string {
  const dir = mkdtempSync(join(tmpdir(), "orc-client-"));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function secretFile(text: string): string {
  const file = join(scratch(), "secret");
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

describe("credentials", () => {
  test("basic: the right password is let in, a wrong one is refused and not told", async () => {
    const password = "pässword: with a colon";
    const orchestrator = await standIn({ instances, auth: { kind: "basic", user: "carp", password } });
    const file = secretFile(`${password}\nnot the password\n`);
    viewOf(
      await clientOf(orchestrator.endpoints, { auth: "basic", user: "carp", secretFile: file }).look(data),
    );

    const wrong = secretFile("guessed-wrong");
    const look = await clientOf(orchestrator.endpoints, {
      auth: "basic",
      user: "carp",
      secretFile: wrong,
    }).look(data);
    expect(look.kind).toBe("none");
    expect(look.endpoints.map(({ state }) => state)).toEqual(["refused", "refused", "refused"]);
    expect(JSON.stringify(look)).not.toContain("guessed-wrong");
    expect(await clientOf(orchestrator.endpoints).look(data)).toMatchObject({ kind: "none" });
  });

  test("token: as a cookie", async () => {
    const orchestrator = await standIn({ instances, auth: { kind: "token", token, reads: true } });
    viewOf(
      await clientOf(orchestrator.endpoints, { auth: "token", secretFile: secretFile(`${token}\n`) }).look(
        data,
      ),
    );
    const bad = clientOf(orchestrator.endpoints, {
      auth: "token",
      secretFile: secretFile("bad; token\r\nx"),
    });
    const look = await bad.look(data);
    expect(look).toMatchObject({ kind: "none", endpoints: [{ state: "refused" }, {}, {}] });
    expect(JSON.stringify(look)).not.toContain("bad; token");
  });

  test("a password that was changed is read anew after a 401, and only then", async () => {
    const orchestrator = await standIn({ instances, auth: { kind: "basic", user: "carp", password: "old" } });
    const file = secretFile("old");
    const client = clientOf(orchestrator.endpoints, { auth: "basic", user: "carp", secretFile: file });
    viewOf(await client.look(data));
    writeFileSync(file, "new");
    viewOf(await client.look(data));
    await orchestrator.setAuthentication({ kind: "basic", user: "carp", password: "new" });
    viewOf(await client.look(data));
    rmSync(file);
    viewOf(await client.look(data));
    await orchestrator.setAuthentication({ kind: "basic", user: "carp", password: "newer" });
    expect(await client.look(data)).toMatchObject({
      kind: "none",
      endpoints: [{ detail: expect.stringMatching(/cannot be read \(ENOENT\)/) }, {}, {}],
    });
  });
});

describe("where an answer may send us", () => {
  /** Says that it follows a leader in quorum that is elsewhere. */
  async function follower(leaderUri: string): Promise<string> {
    const status = {
      State: "Follower",
      IsPartOfQuorum: true,
      Leader: "127.0.0.9:10008",
      LeaderURI: leaderUri,
    };
    const server = createServer((request, response) => {
      if (request.url?.endsWith("raft-status")) response.end(JSON.stringify(status));
      else response.writeHead(404).end('"Not leader"');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  /** Remembers what it is sent. */
  async function trap(): Promise<{ url: string; requests: string[] }> {
    const requests: string[] = [];
    const server = createServer((request, response) => {
      requests.push(`${request.url} ${JSON.stringify(request.headers)}`);
      response.writeHead(404).end('"Not leader"');
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void server.close());
    return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
  }

  test("with credentials nowhere but to the endpoints; without, to the leader it names", async () => {
    const { url, requests } = await trap();
    const endpoints = [await follower(url)];
    const look = await clientOf(endpoints, { auth: "token", secretFile: secretFile(token) }).look(data);
    expect(look).toMatchObject({
      kind: "none",
      endpoints: [
        { state: "follower", detail: expect.stringContaining(`${url}, which is not among the endpoints`) },
      ],
    });
    expect(requests).toEqual([]);
    await clientOf(endpoints).look(data);
    expect(requests).toHaveLength(1);
  });

  test("a leader among the endpoints gets credentials, however it is spelt", async () => {
    const orchestrator = await standIn({
      instances,
      prefix: "/orc",
      auth: { kind: "token", token, reads: true },
    });
    const endpoints = orchestrator.endpoints.map((url) => `${url.replace("http:", "HTTP:")}/`);
    const client = clientOf(endpoints, { auth: "token", secretFile: secretFile(token) });
    expect(viewOf(await client.look(data)).leader).toBe(orchestrator.endpoints[0]);
  });

  test("a file or a user in the name of a leader is not followed", async () => {
    for (const uri of ["file:///etc/passwd", "http://user:word@127.0.0.1:1", "no URL", ""]) {
      const look = await clientOf([await follower(uri)]).look(data);
      expect(look).toMatchObject({ kind: "none", endpoints: [{ state: "follower" }] });
      expect(look.endpoints).toHaveLength(1);
    }
  });
});

describe("TLS", () => {
  test("the right authority is trusted, another is not, and none means the system's", async () => {
    const [dir, otherDir] = [scratch(), scratch()];
    const { ca, cert, key } = makeCertificates(dir);
    const other = makeCertificates(otherDir);
    const orchestrator = await standIn({ instances, tls: { cert, key } });
    expect(orchestrator.endpoints[0]).toMatch(/^https:/);
    viewOf(await clientOf(orchestrator.endpoints, { caFile: ca }).look(data));
    for (const options of [{ caFile: other.ca }, {}]) {
      const look = await clientOf(orchestrator.endpoints, options).look(data);
      expect(look).toMatchObject({ kind: "none", endpoints: [{ state: "unreachable" }, {}, {}] });
      expect(look.endpoints[0]?.detail).toMatch(
        /UNABLE_TO_VERIFY_LEAF_SIGNATURE|SELF_SIGNED|SIGNATURE_FAILURE/,
      );
    }
    // The certificate is for 127.0.0.1.
    const named = orchestrator.endpoints.map((url) => url.replace("127.0.0.1", "localhost"));
    const look = await clientOf(named, { caFile: ca }).look(data);
    expect(look.endpoints[0]?.detail).toMatch(/ERR_TLS_CERT_ALTNAME_INVALID/);
  });

  test("certificates that cannot be read are a mistake of the configuration", () => {
    expect(() => clientOf(["http://a"], { caFile: "/nowhere/ca.pem" })).toThrow(/ENOENT/);
  });
});

describe("giving up", () => {
  test("an abort ends a look at once, and so does closing", async () => {
    const orchestrator = await standIn({ instances });
    for (let node = 0; node < 3; node += 1) await orchestrator.misbehave(node, "nothing");
    const client = clientOf(orchestrator.endpoints, { timeoutMs: 30_000 });
    const controller = new AbortController();
    const look = client.look(data, controller.signal);
    await expect.poll(async () => (await orchestrator.report())[0]?.requests.length, soon).toBe(1);
    const start = Date.now();
    controller.abort();
    await expect(look).rejects.toMatchObject({ code: "not-done" });

    const second = client.look(data);
    second.catch(() => undefined);
    await client.close();
    await expect(second).rejects.toMatchObject({ code: "not-done" });
    expect(Date.now() - start).toBeLessThan(10_000);
    await expect(client.look(data)).rejects.toMatchObject({ code: "not-done" });
    await expect(client.look(data, AbortSignal.abort())).rejects.toMatchObject({ code: "not-done" });
  });
});
