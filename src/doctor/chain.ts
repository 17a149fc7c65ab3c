import { join } from "node:path";
import type { CarpView } from "../carp/observe.js";
import { configDigest } from "../config/digest.js";
import type { Config } from "../config/schema.js";
import { knockAt } from "../proxysql/observe.js";
import { openStore } from "../snapshot/store.js";
import {
  askAgent,
  judgeAgent,
  judgeAgentConfiguration,
  judgeAgentVersion,
  judgeReasons,
  judgeSilence,
} from "./agent.js";
import { judgeAllowed, judgeSettings, judgeVhids, observeCarp, readCarpSysctls } from "./carp.js";
import { type ConfigRead, judgeConfiguration, judgeFiles, lookAtFiles } from "./configuration.js";
import { expectedOwner, inspectCopy, judgeDatabase } from "./database.js";
import { judgeDevd, lookAtDevd } from "./devd-process.js";
import { judgeRules, readDevdConfig } from "./devd-rules.js";
import { judgeDisks, lookAtDisks } from "./disk-space.js";
import { hookCallIn, isHook, judgeHook, lookAtHook } from "./hook.js";
import { judgeArrival, probeHook } from "./hook-probe.js";
import { judgeJournal, lookAtJournal } from "./journal.js";
import { once } from "./once.js";
import { judgeOrchestrator, lookAtOrchestrator } from "./orchestrator.js";
import { peerChain } from "./peer-chain.js";
import { lookAtPeer } from "./peer-link.js";
import {
  askAdmin,
  askService,
  isExpected,
  isSilent,
  judgeAdmin,
  judgeClients,
  judgeService,
  judgeVersion,
  lookAtDatabaseFile,
} from "./proxysql.js";
import { judgeRc, lookAtRc } from "./rc-script.js";
import { type Check, keyOf } from "./run.js";
import { judgeNewest, lookAtNewest, type NewestSeen } from "./store.js";
import { failing, notChecked, type Verdict } from "./verdict.js";

/** What the doctor is told by whoever calls it. */
export interface Circumstances {
  readonly configFile: string;
  readonly read: ConfigRead;
  /** This program's. */
  readonly version: string;
  /** What stands before devd's paths; "" on a real host. */
  readonly root: string;
  readonly isFreebsd: boolean;
  readonly uid: number;
}

/** All links, in their order from devd to the peers' disks. */
export interface Chain {
  readonly checks: readonly Check[];
  /** Lets go what the looks have opened. */
  close(): void;
}

type Run = Check["run"];
type More = Partial<Pick<Check, "needs" | "ms" | "late">>;

/** A look that takes no longer than its programs and sockets, which have deadlines of their own. */
const usualMs = 15_000;

function check(name: string, title: string, run: Run, more: More = {}): Check {
  return { name, about: null, title, needs: [], ms: usualMs, run, ...more };
}

/** Without a configuration that can be read nothing else is known, and the chain has one link. */
export function makeChain(given: Circumstances): Chain {
  const { configFile, read } = given;
  const first = check("configuration", "Configuration", async () => judgeConfiguration(configFile, read));
  if ("error" in read) return { checks: [first], close: () => {} };
  const { config } = read;
  const { state_dir } = config.node;
  const newest = once(() => lookAtNewest(openStore(state_dir), state_dir));
  const peers = config.peer.map(({ name, host, port, user, key_file, host_key }) =>
    lookAtPeer(
      { name, host, port, user, keyFile: key_file, hostKey: host_key },
      { node: config.node.name, version: given.version },
    ),
  );
  return {
    checks: [
      first,
      ...hostChain(given, config, newest),
      ...peers.flatMap((look) => peerChain(look, config, given.version, newest)),
    ],
    close: () => {
      for (const look of peers) look.close();
    },
  };
}

function hostChain(
  { configFile, version, root, isFreebsd, uid }: Circumstances,
  config: Config,
  newest: () => Promise<NewestSeen | null>,
): Check[] {
  const { node, carp, proxysql } = config;
  const view = once(() => observeCarp(carp.vhids));
  const sysctls = once(readCarpSysctls);
  const devd = once(() => readDevdConfig(root));
  const call = once(async () => hookCallIn(await devd(), carp.vhids[0] ?? ""));
  const agent = once(() => askAgent(config));
  const agentNeeded = { needs: [keyOf("agent")] };

  async function vhids(): Promise<Verdict> {
    const allow = await sysctls().then(
      (read) => read.allow,
      // The line about the sysctls tells why.
      () => null,
    );
    return judgeVhids(await view(), allow);
  }

  async function hook(): Promise<Verdict> {
    const present = await call();
    return judgeHook(present, present && (await lookAtHook(present.program)), node);
  }

  async function arrival(): Promise<Verdict> {
    const present = await call();
    const [first] = (await view()).vhids;
    if (present === null || first === undefined || first.role === "unknown")
      return notChecked("the present role is not known, and no other event is harmless");
    if (!isHook(present)) return notChecked("devd's rule does not call the hook but the program itself");
    const event = { op: "event", type: first.role, subsystem: first.vhid } as const;
    return judgeArrival(present, await probeHook(present, event, join(node.run_dir, "agent.sock")));
  }

  return [
    check("files", "Modes of files", async () => judgeFiles(await lookAtFiles(configFile, config), uid)),
    check("carp-vhids", "CARP", vhids),
    check(
      "carp-settings",
      "CARP's settings",
      async () => judgeSettings(node.name, await view(), await sysctls()),
      {
        needs: [keyOf("carp-vhids"), keyOf("carp-allowed")],
      },
    ),
    check("carp-allowed", "CARP allowed", async () => judgeAllowed(await sysctls())),
    check("devd", "devd", async () => judgeDevd(await lookAtDevd(root, (await devd()) !== null), isFreebsd)),
    check("devd-rules", "devd's rules", async () => judgeRules(await devd(), carp.vhids, isFreebsd)),
    check("hook", "Hook", hook),
    check("rc-script", "Start at boot", async () => judgeRc(await lookAtRc()), { ms: 25_000 }),
    check("agent", "Agent", () => agent().then(judgeAgent, judgeSilence)),
    check(
      "agent-version",
      "Agent's version",
      async () => judgeAgentVersion(await agent(), version),
      agentNeeded,
    ),
    check(
      "agent-configuration",
      "Agent's settings",
      async () => judgeAgentConfiguration(await agent(), configDigest(config)),
      agentNeeded,
    ),
    check("agent-reasons", "Agent's reasons", async () => judgeReasons(await agent()), agentNeeded),
    check("hook-arrival", "Hook to agent", arrival, { needs: [keyOf("hook"), keyOf("agent")] }),
    check("journal", "Journal", async () => judgeJournal(await lookAtJournal(node.state_dir))),
    check("disks", "Free space", async () =>
      judgeDisks(await lookAtDisks([node.state_dir, proxysql.datadir])),
    ),
    check("newest-snapshot", "Newest snapshot", async () => judgeNewest(await newest()), { ms: 120_000 }),
    ...proxysqlChain(config, view),
    ...orchestratorChain(config),
  ];
}

/** Without [orchestrator] there is no such link. */
function orchestratorChain({ orchestrator }: Config): Check[] {
  if (!orchestrator) return [];
  const look = async (): Promise<Verdict> => judgeOrchestrator(await lookAtOrchestrator(orchestrator));
  // All its answers, each within its timeout.
  return [check("orchestrator", "Orchestrator", look, { ms: usualMs + 10 * orchestrator.timeout })];
}

function proxysqlChain(config: Config, view: () => Promise<CarpView>): Check[] {
  const { proxysql, carp } = config;
  const admin = once(() => askAdmin(config));
  /** In warm standby the role does not matter, and in cold an unreadable one is told by the line about CARP. */
  const expected = once(async () => isExpected(carp.standby, await view().catch(() => undefined)));

  async function clients(): Promise<Verdict> {
    const should = await expected();
    // One that does not answer at all has been told of already.
    if (should !== false && isSilent(await admin())) return notChecked("ProxySQL's admin does not answer");
    const greeting = await knockAt({ host: proxysql.client_host, port: proxysql.client_port });
    return judgeClients(greeting, should, proxysql);
  }

  async function database(): Promise<Verdict> {
    const file = await lookAtDatabaseFile(proxysql.datadir);
    if (file instanceof Error) {
      return failing(
        `ProxySQL's database cannot be looked at: ${file.message}`,
        "Compare [proxysql] datadir with the -D of ProxySQL's process; an agent that starts with ProxySQL stopped installs the newest snapshot.",
      );
    }
    const owner = await expectedOwner(config);
    const inside = await inspectCopy(proxysql.datadir).catch((error: unknown) => ({
      error: error instanceof Error ? error : new Error(String(error)),
    }));
    return judgeDatabase(file, owner, inside);
  }

  return [
    check("proxysql-service", "ProxySQL's service", async () =>
      judgeService(proxysql.service, await askService(proxysql.service)),
    ),
    check("proxysql-admin", "ProxySQL's admin", async () =>
      judgeAdmin(await admin(), await expected(), proxysql.service),
    ),
    check("proxysql-version", "ProxySQL's version", async () => judgeVersion(await admin()), {
      needs: [keyOf("proxysql-admin")],
    }),
    check("proxysql-clients", "ProxySQL's clients", clients),
    check("proxysql-database", "ProxySQL's database", database, { ms: 120_000 }),
  ];
}
