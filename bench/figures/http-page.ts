import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { PairNode } from "../../test/support/pair/node.js";
import { until } from "../../test/support/pair/pair.js";
import { freePort } from "../../test/support/proxysql.js";
import type { Benchmark } from "../benchmark.js";
import { type Bound, figureOf } from "../figure.js";
import { type RunningPair, startPair, untilShipped } from "../running-pair.js";

const bound: Bound = { of: "p50", most: 20, below: true };
const mebibyte = 1024 * 1024;
/** Rows of a mebibyte each: with the rest a database of more than 100 MiB. */
const rows = 100;
/** The agent gives forty pages a second, and says 429 to whoever wants more. */
const pauseMs = 30;
/** So much on the wire since the sample before shows that the snapshot is on its way, and not only a heartbeat. */
const shippingBytes = 16 * 1024;
const shipDeadlineMs = 180_000;

/** How soon the status page answers while a large snapshot is shipped by the same process. */
export const httpPage: Benchmark = {
  name: "http-page",
  figures: ["http-while-shipping"],
  async run({ onEnd }) {
    const pair = await startPair({ standby: "warm" });
    onEnd(() => pair.end());
    const port = await serveThePage(pair.a);
    const connections = new Agent({ keepAlive: true, maxSockets: 1 });
    onEnd(async () => connections.destroy());
    await timeOf(port, connections);
    const before = pair.cables.a.bytes;
    const small = (await pair.a.status()).lastTaken?.snapshot;
    await growConfiguration(pair.a);
    const { samples, others } = await ask(pair, port, connections, small);
    const shipped = (pair.cables.a.bytes - before) / mebibyte;
    if (shipped < rows / 2) throw new Error(`Only ${shipped.toFixed(0)} MiB were shipped.`);
    return [
      figureOf({
        name: "http-while-shipping",
        unit: "ms",
        samples,
        bound,
        note: `GET / every ${pauseMs} ms while ${shipped.toFixed(0)} MiB of a ${rows} MiB database go to the peer; slowest ${Math.max(...samples).toFixed(0)} ms; while it was taken and verified: ${others.length} more, slowest ${Math.max(0, ...others).toFixed(0)} ms; all of the pair shares this machine`,
      }),
    ];
  },
};

/** Gives the running agent a page: the other node has the same configuration, and must not take the same port. */
async function serveThePage(node: PairNode): Promise<number> {
  const port = await freePort();
  const config = readFileSync(node.configFile, "utf8");
  writeFileSync(node.configFile, `${config}\n[http]\nlisten = "127.0.0.1:${port}"\n`);
  node.signalAgent("SIGHUP");
  await until(`${node.name} serves its page`, async () => {
    await timeOf(port);
    return true;
  });
  await untilShipped(node);
  return port;
}

/** Random texts: a snapshot of others would be small on the wire. */
async function growConfiguration(node: PairNode): Promise<void> {
  for (let row = 0; row < rows; row += 1) {
    const text = randomBytes((mebibyte * 3) / 4).toString("base64");
    await node.admin(
      `INSERT INTO mysql_query_rules(rule_id,active,match_digest,comment) VALUES (${10_000 + row},0,'^x','${text}')`,
    );
  }
  await node.admin("SAVE MYSQL QUERY RULES TO DISK");
}

/** Asks for the page until the peer has the snapshot after `small`. `samples`: while it was on the wire. */
async function ask(
  { a, cables }: RunningPair,
  port: number,
  connections: Agent,
  small: string | undefined,
): Promise<{ samples: number[]; others: number[] }> {
  const samples: number[] = [];
  const others: number[] = [];
  let shipped = false;
  const end = untilShippedAfter(a, small).finally(() => {
    shipped = true;
  });
  for (let bytes = cables.a.bytes; !shipped; await sleep(pauseMs)) {
    const ms = await timeOf(port, connections);
    const now = cables.a.bytes;
    (now - bytes >= shippingBytes ? samples : others).push(ms);
    bytes = now;
  }
  await end;
  if (samples.length === 0) throw new Error("The page was never asked while the snapshot was on its way.");
  return { samples, others };
}

async function untilShippedAfter(node: PairNode, small: string | undefined): Promise<void> {
  await until(
    "the large snapshot is taken",
    async () => (await node.status()).lastTaken?.snapshot !== small,
    shipDeadlineMs,
  );
  await until(
    "the peer has the large snapshot",
    async () => {
      const { lastTaken, peers } = await node.status();
      return lastTaken !== null && peers[0]?.lastShipped?.snapshot === lastTaken.snapshot;
    },
    shipDeadlineMs,
  );
}

/** Milliseconds from the question until the whole page is there. */
function timeOf(port: number, connections?: Agent): Promise<number> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path: "/", agent: connections ?? false, timeout: 10_000 };
    const asked = get(options, (answer) => {
      answer.resume();
      answer.on("error", reject);
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve(performance.now() - began);
        else reject(new Error(`The page answered ${answer.statusCode}.`));
      });
    });
    asked.on("timeout", () => asked.destroy(new Error("The page gave no answer for 10 s.")));
    asked.on("error", reject);
  });
}
