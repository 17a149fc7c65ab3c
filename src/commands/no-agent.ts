import { join } from "node:path";
import { observeCarp } from "../carp/observe.js";
import type { Config } from "../config/schema.js";
import type { LastTransition } from "../journal/history.js";
import { monotonic, wallClock } from "../platform/clock.js";
import { type KnownError, sentenceOf } from "../platform/errors.js";
import type { Handshake } from "../proxysql/handshake.js";
import { knockAt } from "../proxysql/observe.js";
import { formatLineage } from "../role/lineage.js";
import { openStore } from "../snapshot/store.js";

/** What can still be told of a node whose agent does not answer. Described in docs/json.md; fields are only ever added. */
export interface NoAgentDocument {
  readonly schema: "proxysql-carp/no-agent/v1";
  readonly at: string;
  readonly node: string;
  /**
   * `absent`: none runs; `silent`: one took the question and did not answer; `forbidden`: we may not ask it;
   * `refusing`: it answered something else.
   */
  readonly agent: "absent" | "silent" | "forbidden" | "refusing";
  /** Why it could not be asked. */
  readonly why: string;
  /** By ifconfig: the role of the first vhid; `unknown` unless it tells of all. */
  readonly role: string;
  readonly vhids: readonly { readonly vhid: string; readonly role: string }[];
  /** ProxySQL's client port greets as a MySQL server. */
  readonly serving: boolean;
  /** The greatest snapshot in the store. */
  readonly newest: NewestSnapshot | null;
  /** The last change of role in the journal's file. */
  readonly lastTransition: LastTransition | null;
  /** What could not be looked at, in sentences. */
  readonly problems: readonly string[];
}

interface NewestSnapshot {
  readonly id: string;
  /** `6.12@a` */
  readonly text: string;
  readonly box: "inbox" | "outbox";
  readonly takenAt: string;
  readonly ageMs: number;
}

/** ProxySQL logs every knock at its client port: who watches does not knock each second. */
const knockEveryMs = 10_000;

/** Looks at what there is besides the agent: ifconfig, the client port, the store and the journal's file. */
export class WithoutAgent {
  readonly #config: Config;
  #knock: { at: number; answer: Handshake } | undefined;

  constructor(config: Config) {
    this.#config = config;
  }

  /** `error`: why the agent could not be asked. Each look is bounded; one that fails is told among the problems. */
  async look(error: KnownError): Promise<NoAgentDocument> {
    const { node, carp } = this.#config;
    const problems: string[] = [];
    const tell = (fault: unknown): null => {
      problems.push(sentenceOf(fault));
      return null;
    };
    const [view, knock, newest, last] = await Promise.all([
      observeCarp(carp.vhids).catch(tell),
      this.#knockNow(),
      newestIn(node.state_dir).catch(tell),
      lastIn(join(node.state_dir, "journal.db")).catch(tell),
    ]);
    return {
      schema: "proxysql-carp/no-agent/v1",
      at: new Date(wallClock()).toISOString(),
      node: node.name,
      agent: kindOf(error),
      why: error.message,
      role: view?.role ?? "unknown",
      vhids:
        view?.vhids.map(({ vhid, role }) => ({ vhid, role })) ??
        carp.vhids.map((vhid) => ({ vhid, role: "unknown" })),
      serving: knock.ok,
      newest,
      lastTransition: last,
      problems,
    };
  }

  async #knockNow(): Promise<Handshake> {
    if (this.#knock && monotonic() - this.#knock.at < knockEveryMs) return this.#knock.answer;
    const { client_host: host, client_port: port } = this.#config.proxysql;
    const answer = await knockAt({ host, port });
    this.#knock = { at: monotonic(), answer };
    return answer;
  }
}

function kindOf({ code, fields }: KnownError): NoAgentDocument["agent"] {
  if (code !== "agent-unreachable") return "refusing";
  const { systemCode } = fields;
  if (systemCode === "EACCES" || systemCode === "EPERM") return "forbidden";
  // It was reached, then: an error of the system's would stand there.
  return systemCode === undefined ? "silent" : "absent";
}

async function newestIn(stateDir: string): Promise<NewestSnapshot | null> {
  const latest = await openStore(stateDir).latest();
  if (latest === undefined) return null;
  const { stored, manifest } = latest;
  return {
    id: stored.id,
    text: formatLineage(stored.lineage),
    box: stored.box,
    takenAt: manifest.takenAt,
    ageMs: Math.max(0, wallClock() - Date.parse(manifest.takenAt)),
  };
}

async function lastIn(file: string): Promise<LastTransition | null> {
  const { lastTransitionInFile } = await import("../journal/history-file.js");
  return lastTransitionInFile(file);
}
