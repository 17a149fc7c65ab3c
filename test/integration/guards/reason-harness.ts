import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { AlertEvent } from "../../../src/health/alerts.js";
import type { Reason } from "../../../src/health/reason.js";
import { keyOf } from "../../../src/health/reason-book.js";
import type { PairNode } from "../../support/pair/node.js";
import { logOf, until } from "../agent/harness.js";

/** The longest that any reason waits for (a minute), and a busy machine. */
const patienceMs = 120_000;

/** A reason as `code` or `code about`. */
export type Key = string;

export async function reasonsOf(node: PairNode): Promise<readonly Reason[]> {
  return (await node.status()).reasons;
}

/** Waits until a node has the reason, and returns it. */
export function has(node: PairNode, key: Key): Promise<Reason> {
  return until(
    `${node.name} has ${key}`,
    async () => (await reasonsOf(node)).find((reason) => keyOf(reason) === key),
    patienceMs,
  );
}

export async function lacks(node: PairNode, key: Key): Promise<void> {
  await until(
    `${node.name} has ${key} no more`,
    async () => !(await reasonsOf(node)).some((reason) => keyOf(reason) === key),
    patienceMs,
  );
}

/** Waits until neither node has anything to say. */
export async function allIsWell(...nodes: readonly PairNode[]): Promise<void> {
  for (const node of nodes) {
    await until(
      `${node.name} is well`,
      async () => {
        const reasons = await reasonsOf(node);
        if (reasons.length > 0) throw new Error(reasons.map(keyOf).join(", "));
        return true;
      },
      patienceMs,
    );
  }
}

/** Configuration of a hook that writes down each event, one line of JSON, in `alerts.jsonl` beside the node's files. */
export function recordingHook(dir: string): string[] {
  const file = join(dir, "hook.sh");
  const script = '#!/bin/sh\nexec cat >>"$HOST_STATE/../alerts.jsonl"\n';
  writeFileSync(file, script, { mode: 0o755 });
  return [`command = ["${file}"]`];
}

/** What the node's hook was told. */
export function alertsOf(node: PairNode): AlertEvent[] {
  const file = join(node.dir, "alerts.jsonl");
  if (!existsSync(file)) return [];
  return readFileSync(file, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as AlertEvent);
}

/** How often each reason was raised and cleared, as the node's log has it. */
export function toldBy(node: PairNode): Map<Key, ("raised" | "cleared")[]> {
  const told = new Map<Key, ("raised" | "cleared")[]>();
  for (const line of logOf(node).split("\n")) {
    const kind = /"msg":"reason (raised|cleared)"/.exec(line)?.[1] as "raised" | "cleared" | undefined;
    if (kind === undefined) continue;
    const { reason, about } = JSON.parse(line) as { reason: string; about: string | null };
    const key = about === null ? reason : `${reason} ${about}`;
    told.set(key, [...(told.get(key) ?? []), kind]);
  }
  return told;
}

/** Each reason in turn raised and cleared, and the hook was told the same as the log. */
export async function expectEachOnce(node: PairNode): Promise<void> {
  const told = toldBy(node);
  for (const [key, events] of told) {
    const inTurn = events.map((_, index) => (index % 2 === 0 ? "raised" : "cleared"));
    expect(events, `${node.name}: ${key}`).toEqual(inTurn);
  }
  const count = [...told.values()].flat().length;
  await until(`${node.name}'s hook was told everything`, async () => alertsOf(node).length >= count);
  const hooked = alertsOf(node).map(({ event, reason }) => `${event} ${keyOf(reason)}`);
  const logged = [...told].flatMap(([key, events]) => events.map((event) => `${event} ${key}`));
  expect(hooked.sort()).toEqual(logged.sort());
}

/** How often a reason was raised at a node so far. */
export function timesRaised(node: PairNode, key: Key): number {
  return (toldBy(node).get(key) ?? []).filter((event) => event === "raised").length;
}
