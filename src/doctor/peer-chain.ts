import type { Config } from "../config/schema.js";
import { readReport } from "../ship/peer-report.js";
import { judgeBoth, observeCarp, readCarpSysctls, vhidFacts } from "./carp.js";
import {
  judgeClock,
  judgeCommand,
  judgeHostKey,
  judgeLogin,
  judgeName,
  judgePeerAgent,
  judgePeerVersion,
} from "./peer.js";
import type { PeerLook } from "./peer-link.js";
import { judgeRoundTrip, tryRoundTrip } from "./round-trip.js";
import { type Check, keyOf } from "./run.js";
import type { NewestSeen } from "./store.js";
import { notChecked, ok, type Verdict } from "./verdict.js";

const usualMs = 20_000;
const roundTripMs = 180_000;

/** The way to one peer and to its disk, each step on what the one before has shown. */
export function peerChain(
  look: PeerLook,
  config: Config,
  version: string,
  newest: () => Promise<NewestSeen | null>,
): Check[] {
  const { peer } = look;
  const { node } = config;
  const errorOfLogin = async (): Promise<unknown> =>
    look.connection().then(
      () => undefined,
      (error: unknown) => error,
    );

  function check(name: string, title: string, before: string | null, run: Check["run"], ms = usualMs): Check {
    const needs = before === null ? [] : [keyOf(before, peer.name)];
    return { name, about: peer.name, title: `${peer.name}: ${title}`, needs, ms, run };
  }

  async function greeting() {
    try {
      return (await look.session()).peer;
    } catch (error) {
      return { error };
    }
  }

  async function settings(): Promise<Verdict> {
    const report = readReport((await look.status()).report);
    if (report === null || report.vhids === undefined)
      return notChecked(`the agent of ${peer.name} does not tell`);
    const [view, { preempt }] = await Promise.all([observeCarp(config.carp.vhids), readCarpSysctls()]);
    const vhids = report.vhids.map(({ vhid, advskew = null, advbase = null }) => ({
      vhid,
      advskew,
      advbase,
    }));
    return judgeBoth(
      { node: node.name, vhids: vhidFacts(view), preempt, peers: [] },
      { name: peer.name, vhids, preempt: report.preempt ?? null },
    );
  }

  async function roundTrip(): Promise<Verdict> {
    // What is wrong with our own snapshot is told by its own line, and is not the way's fault.
    const ours = await newest().catch(() => null);
    const seen = await look
      .bulk()
      .then((session) => tryRoundTrip(session, ours, node.name))
      .catch((error: unknown) => ({ error }));
    return judgeRoundTrip(peer.name, seen);
  }

  return [
    check("peer-name", "name", null, async () => judgeName(peer.host, await look.addresses())),
    check("peer-port", "port", "peer-name", async () => {
      const ms = await look.knock();
      return ok(`${peer.host}:${peer.port} accepts after ${ms.toFixed(1)} ms`);
    }),
    check("peer-host-key", "host key", "peer-port", async () => judgeHostKey(peer, await errorOfLogin())),
    check("peer-login", "login", "peer-port", async () => judgeLogin(peer, await errorOfLogin())),
    check("peer-command", "command", "peer-login", async () => judgeCommand(peer, await greeting())),
    check("peer-clock", "clock", "peer-command", async () => judgeClock(peer, await look.clock())),
    check("peer-version", "version", "peer-command", async () => {
      const { version: theirs } = (await look.session()).peer;
      return judgePeerVersion(peer, node.name, { ours: version, theirs });
    }),
    check("peer-agent", "agent", "peer-command", async () => judgePeerAgent(peer, await look.status())),
    check("peer-carp", "CARP", "peer-agent", settings),
    check("round-trip", "round trip", "peer-command", roundTrip, roundTripMs),
  ];
}
