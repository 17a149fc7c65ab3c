import { get } from "node:http";
import { json } from "node:stream/consumers";
import { expect, test } from "vitest";
import type { InstanceSpec } from "../../support/orchestrator.js";
import { recorded } from "../../support/orchestrator-standin/recorded.js";
import { freePort } from "../../support/proxysql.js";
import { soon, standIn } from "./harness.js";

/** The topology of the recording. */
const master = { host: "127.0.0.1", port: 23301 };
const lab: InstanceSpec[] = [
  { ...master, alias: "lab" },
  { host: "127.0.0.1", port: 23302, alias: "lab", master },
  { host: "127.0.0.1", port: 23303, alias: "lab", master },
];

type Answer = { status?: number; body?: unknown; error?: string };

test("a single node says what the real one said, well and with a dead master", async () => {
  const orchestrator = await standIn({ nodes: 1, raft: false, instances: lab });
  const compare = async (file: string, path: string): Promise<void> => {
    const { body } = await ask(`${orchestrator.endpoints[0]}/api/${path}`);
    expect(plainly(body), path).toEqual(plainly(recorded(file)));
  };
  await compare("noraft-raft-leader", "raft-leader");
  await compare("healthy-leader-check", "leader-check");
  await compare("healthy-health", "health");
  await compare("healthy-status", "status");
  await compare("healthy-all-instances", "all-instances");
  await compare("healthy-downtimed", "downtimed");
  await compare("healthy-clusters-info", "clusters-info");
  await compare("healthy-master", "master/lab");
  await compare("healthy-replication-analysis", "replication-analysis");

  await orchestrator.failMaster("lab");
  await compare("dead-master-all-instances", "all-instances");
  await compare("dead-master-downtimed", "downtimed");
  await compare("dead-master-audit-recovery", "audit-recovery");
  await compare("dead-master-clusters-info", "clusters-info");
  await compare("dead-master-instance", "instance/127.0.0.1/23301");
  await compare("dead-master-master", "master/lab");
  await compare("dead-master-replication-analysis", "replication-analysis");
});

test("three nodes of a raft say what the real ones said, in all four situations", async () => {
  const port = await freePort();
  const hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"];
  const orchestrator = await standIn({
    nodes: hosts.map((host) => ({ host, port, raft: `${host}:10008` })),
    election: { noticeMs: null, candidateMs: null },
  });
  type Situation = Record<string, Record<string, Answer>>;
  const situations = recorded("raft-endpoints") as Record<string, Situation>;
  const compare = async (situation: string): Promise<void> => {
    for (const host of hosts) {
      for (const [path, answer] of Object.entries(situations[situation]?.[`${host}:23000`] ?? {})) {
        const given = await ask(`http://${host}:${port}/api/${path}`);
        const expected = answer.error === undefined ? answer : { error: "refused" };
        expect(plainly(given, port), `${situation}: ${host} ${path}`).toEqual(plainly(expected));
      }
    }
  };
  await compare("healthy");
  await orchestrator.killNode(0);
  await compare("leader-just-killed");
  await orchestrator.setElection({ noticeMs: 0, candidateMs: 0 });
  expect(await orchestrator.leader()).toBe(2);
  await compare("leader-replaced");
  await orchestrator.setElection({ leaseMs: 0, noticeMs: null });
  await orchestrator.killNode(1);
  await expect.poll(async () => (await orchestrator.report())[2]?.state, soon).toBe("Candidate");
  await compare("minority");
});

async function ask(url: string): Promise<Answer> {
  return new Promise((resolve) => {
    get(url, { agent: false }, (response) => {
      json(response).then(
        (body) => resolve({ status: response.statusCode ?? 0, body }),
        () => resolve({ status: response.statusCode ?? 0, body: "" }),
      );
    }).once("error", () => resolve({ error: "refused" }));
  });
}

/** Names of fields that tell of a time, a token or a file of the machine that was recorded. */
const passing = [
  "Token",
  "FirstSeenActive",
  "LastSeenActive",
  "DBBackend",
  "Uptime",
  "LastSeenTimestamp",
  "LastDiscoveryLatency",
  "ElapsedDowntime",
  "DowntimeEndTimestamp",
  "DowntimeRemainingSeconds",
  "RecoveryStartTimestamp",
  "RecoveryEndTimestamp",
  "UID",
  "ProcessingNodeToken",
  "LastDetectionId",
];

/** An answer without what passes: whether it was empty stays, and a recorded port is the one used here. */
function plainly(value: unknown, port = 23000): unknown {
  if (typeof value === "string") return value.replaceAll(`:${port}`, ":PORT");
  if (Array.isArray(value)) return value.map((item) => plainly(item, port));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (name === "SecondsSinceLastSeen") return [name, typeof inner];
      if (!passing.includes(name)) return [name, plainly(inner, port)];
      return [name, inner === "" ? "" : typeof inner];
    }),
  );
}
