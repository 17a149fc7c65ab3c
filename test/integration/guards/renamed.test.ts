import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, expect, it } from "vitest";
import type { PairNode } from "../../support/pair/node.js";
import type { Pair } from "../../support/pair/pair.js";
import { addAndShip, addServer, journal, leads, logOf, servers, startPair, until } from "../agent/harness.js";
import { allIsWell } from "./reason-harness.js";

let pair: Pair;
afterEach(() => pair.end());

/** `[node] name` or `[[peer]] name`, read by a reload. */
async function rename(node: PairNode, from: string, to: string): Promise<void> {
  const text = readFileSync(node.configFile, "utf8");
  writeFileSync(node.configFile, text.replace(`name = "${from}"`, `name = "${to}"`));
  node.signalAgent("SIGHUP");
  await until("it is read", async () => logOf(node).includes("read again"));
}

it("goes on as the same node when the active one is renamed: no rival of itself, nothing lost", {
  timeout: 240_000,
}, async () => {
  pair = await startPair({ standby: "warm" });
  const { a, b } = pair;
  await addAndShip(a, b, "db1.example");
  await rename(b, "a", "x");
  await rename(a, "a", "x");
  await until("it leads", () => leads(a), 60_000);
  await addServer(a, "db2.example");
  const both = "10:db1.example:3306 10:db2.example:3306";
  await until("b uses it", async () => (await servers(b)) === both, 60_000);

  await until("the epoch is its own", async () => /@x$/.test((await b.status()).running?.text ?? ""), 60_000);
  await allIsWell(a, b);
  const kinds = [a, b].flatMap((node) => journal(node, "SELECT kind FROM notes").map(({ kind }) => kind));
  expect(kinds).toEqual(["promoted-without-snapshot"]);
  expect(journal(a, "SELECT 1 FROM snapshots WHERE event = 'refused-by-peer'")).toEqual([]);
});
