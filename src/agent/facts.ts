import type {
  CarpFacts,
  Facts,
  HostFacts,
  LockFacts,
  ProxysqlFacts,
  SnapshotFacts,
  VhidFacts,
} from "../health/facts.js";
import { Lasting } from "../health/lasting.js";
import type { Reason } from "../health/reason.js";
import { keyOf } from "../health/reason-book.js";
import { monotonic, wallClock } from "../platform/clock.js";
import { compareLineage, formatLineage, type Lineage } from "../role/lineage.js";
import { readReport } from "../ship/peer-report.js";
import { snapshotId } from "../snapshot/manifest.js";
import type { AgentContext } from "./context.js";
import { DriftWatch } from "./drift-watch.js";
import type { DrillRecord } from "./drills.js";
import { fenceFacts } from "./fence-facts.js";
import { HostLook } from "./host-look.js";
import type { Observer } from "./observer.js";
import { DigestReader, type OwnDigests, tlsDigest } from "./own-digests.js";
import { type OwnSide, peerFacts } from "./peer-facts.js";
import type { Reconciler } from "./reconciler.js";
import { SnapshotLook, type SnapshotView } from "./snapshot-look.js";

/** What the agent knows that is not part of its context. */
export interface HealthSources {
  /** The last restore drill that told something. */
  readonly drill: () => DrillRecord | null;
  /** Why the configured HTTP page is not served; null if it is, or if there is none. */
  readonly http: () => string | null;
}

/** ProxySQL comes and goes while it is being restarted: it is well when it has been for so long. */
const leave = { leaveMs: 2_000 };
/** A change of the role brings a lot of work for ProxySQL's admin: what is not urgent waits. */
const quietAfterRoleMs = 5_000;

/**
 * Gathers the facts for one look at health. What is cheap is asked anew each time; what costs something is kept and
 * looked at again when it may have changed.
 */
export class FactGatherer {
  readonly #node: AgentContext;
  readonly #observer: Observer;
  readonly #reconciler: Reconciler;
  readonly #sources: HealthSources;
  readonly #lasting = new Lasting();
  readonly #digests: DigestReader;
  readonly #drift: DriftWatch;
  readonly #host: HostLook;
  readonly #snapshots: SnapshotLook;

  /** `kept`: reasons from before a restart; what they are about has lasted since then already. */
  constructor(
    node: AgentContext,
    observer: Observer,
    reconciler: Reconciler,
    sources: HealthSources,
    kept: readonly Reason[],
  ) {
    const { config } = node;
    this.#node = node;
    this.#observer = observer;
    this.#reconciler = reconciler;
    this.#sources = sources;
    this.#digests = new DigestReader(config.node.state_dir, config.proxysql.datadir);
    this.#drift = new DriftWatch(node);
    const directories = [config.node.state_dir, config.proxysql.datadir];
    this.#host = new HostLook(config.carp.vhids, directories, process.env.PROXYSQL_CARP_DEVD_ROOT ?? "");
    this.#snapshots = new SnapshotLook(node);
    for (const reason of kept) this.#seed(reason);
  }

  /** What peers may compare with theirs. */
  get digests(): OwnDigests {
    return this.#digests.digests;
  }

  /** True if everything has been looked at once: before that a reason that is not found may still be there. */
  isComplete({ peers }: Facts): boolean {
    const { board } = this.#node;
    if (this.#observer.proxysql === undefined) return false;
    return peers.every(
      ({ name, unreachableForMs }) => board.describe(name).ageMs !== null || unreachableForMs > 5_000,
    );
  }

  async gather(): Promise<Facts> {
    const { config, links } = this.#node;
    const [view, digests] = await Promise.all([
      this.#snapshots.look(),
      this.#digests.look(),
      this.#host.look(this.#lasting),
    ]);
    const now = monotonic();
    const { role } = this.#observer.carp;
    const masterForMs = this.#lasting.look("MASTER", role === "MASTER", now);
    const own: OwnSide = {
      role,
      masterForMs,
      digests,
      proxysqlVersion: this.#observer.proxysql?.version ?? digests.proxysqlVersion,
    };
    const peers = [...links.keys()].map((name) => peerFacts(this.#node, name, own, this.#lasting, now));
    const { proxysql } = config;
    return {
      node: config.node.name,
      names: {
        service: proxysql.service,
        stateDir: config.node.state_dir,
        datadir: proxysql.datadir,
        admin: proxysql.admin_socket ?? `${proxysql.admin_host}:${proxysql.admin_port}`,
        client: `${proxysql.client_host}:${proxysql.client_port}`,
      },
      carp: this.#carpFacts(peers, now),
      proxysql: this.#proxysqlFacts(now),
      snapshots: await this.#snapshotFacts(view, digests, peers, now),
      peers,
      host: this.#hostFacts(now),
      fence: fenceFacts(this.#node, role === "MASTER"),
    };
  }

  #carpFacts(peers: Facts["peers"], now: number): CarpFacts {
    const { carp, carpProblem, proxysql } = this.#observer;
    const care = this.#node.care.view();
    const maintenance = this.#node.maintenance.view();
    const { role } = carp;
    const roles = carp.vhids.map((vhid) => vhid.role);
    const looked = proxysql !== undefined || role !== "unknown";
    const foreign = care.total === null ? null : care.total - care.share;
    const look = (key: string, holds: boolean | undefined): number => this.#lasting.look(key, holds, now);
    return {
      role,
      problem: carpProblem ?? null,
      unknownForMs: look("role-unknown", looked ? role === "unknown" : undefined),
      vhids: carp.vhids.map(
        ({ vhid, role: own, protocol = "carp", advskew = null, advbase = null }): VhidFacts => ({
          vhid,
          role: own,
          protocol,
          advskew,
          advbase,
        }),
      ),
      splitForMs: look(
        "vhids-split",
        roles.includes("unknown") ? undefined : new Set(roles.map((one) => one === "MASTER")).size > 1,
      ),
      noMasterForMs: look("no-master", nobodyIsMaster(role, peers)),
      foreignDemotion: foreign,
      foreignForMs: look("foreign-demotion", foreign === null ? undefined : foreign !== 0),
      ownForMs: look(
        "own-demotion",
        care.share > 0 && !(care.shareWhy === "maintenance" && maintenance !== null),
      ),
      care,
      maintenance,
      lock: this.#lockFacts(role, now),
      misses: this.#node.shooting
        .misses()
        .map((miss) => ({ ...miss, held: this.#node.state.leads === null })),
    };
  }

  #lockFacts(role: CarpFacts["role"], now: number): LockFacts | null {
    const { lock } = this.#node;
    if (lock === null) return null;
    const { held, holder, problem } = lock.state;
    const lacks = role === "unknown" ? undefined : role === "MASTER" && !held;
    return {
      holder,
      problem,
      notHeldForMs: this.#lasting.look("lock-not-held", lacks, now),
      unreachableForMs: this.#lasting.look("lock-unreachable", problem !== null, now),
    };
  }

  #proxysqlFacts(now: number): ProxysqlFacts {
    const { carp, proxysql: view, starting } = this.#observer;
    const { standby } = this.#node.config.carp;
    const { start_timeout, drain_timeout } = this.#node.config.proxysql;
    const expected = standby === "warm" || carp.holdsAddress || carp.role === "MASTER";
    /** A start that is under way says nothing yet, neither way. */
    const unwell = (isSo: boolean | undefined): boolean | undefined =>
      isSo === undefined ? undefined : isSo && expected ? (starting ? undefined : true) : false;
    const well = view && (view.admin ? view.serving : false);
    const isPassive = carp.role === "BACKUP" || carp.role === "INIT";
    const look = (key: string, holds: boolean | undefined): number =>
      this.#lasting.look(key, holds, now, leave);
    this.#lookForDrift(now);
    return {
      expected,
      standby,
      running: view?.running ?? false,
      paused: view?.paused ?? false,
      problems: view?.problems ?? [],
      downForMs: look("proxysql-down", unwell(view && !view.admin)),
      deafForMs: look("not-serving", unwell(view?.admin && !view.serving)),
      oppositeForMs: Math.max(
        look("role-opposite", well === undefined ? undefined : carp.role === "MASTER" && !well),
        look("role-opposite cold", view && !expected && isPassive && view.running),
      ),
      startTimeoutMs: start_timeout,
      drainTimeoutMs: drain_timeout,
      drift: this.#drift.found ?? [],
      driftForMs: look(
        "drift",
        view?.admin === false ? false : this.#drift.found && this.#drift.found.length > 0,
      ),
    };
  }

  #lookForDrift(now: number): void {
    const { carp, proxysql: view } = this.#observer;
    const roleForMs = this.#lasting.look(`role ${carp.role}`, true, now);
    for (const role of ["MASTER", "BACKUP", "INIT", "unknown"])
      if (role !== carp.role) this.#lasting.look(`role ${role}`, false, now);
    // A ProxySQL that is just starting can die of being asked for its runtime: it is asked once it serves.
    if (view === undefined || !view.admin || !view.serving || view.version === null) this.#drift.forget();
    else if (carp.role !== "unknown" && roleForMs > quietAfterRoleMs)
      this.#drift.look(view.version, carp.role === "MASTER");
  }

  async #snapshotFacts(
    { newest, usable, newestUsable, quarantine, divergence }: SnapshotView,
    digests: OwnDigests,
    peers: Facts["peers"],
    now: number,
  ): Promise<SnapshotFacts> {
    const { state, shipper, trial, config } = this.#node;
    const leads = state.leads !== null;
    const { takeError } = shipper;
    const tlsOf = leads ? null : await this.#tlsSource(digests);
    const tlsDiffers = digests.tlsMissing.length > 0 || tlsOf?.differs === true;
    return {
      leads,
      usable,
      noneForMs: this.#lasting.look("no-verified-snapshot", usable === 0, now),
      takeError: takeError ?? null,
      takeErrorForMs: this.#lasting.look("snapshot-not-taken", leads && takeError !== undefined, now),
      lacking: this.#lacking(newest, peers, now),
      maxAgeMs: config.snapshots.max_age,
      doubts: trial.doubts(),
      newestDoubted:
        leads || this.#observer.carp.role === "MASTER" ? null : doubtedNewest(newest, newestUsable),
      drill: this.#sources.drill(),
      quarantine,
      tls: {
        missing: digests.tlsMissing,
        differsFrom: tlsOf?.differs === true ? tlsOf.id : null,
        differForMs: this.#lasting.look(`tls-files-differ ${config.node.name}`, tlsDiffers, now),
      },
      divergence,
    };
  }

  /** The snapshot that this passive node's files should be those of: the one that ProxySQL holds. */
  async #tlsSource(digests: OwnDigests): Promise<{ id: string; differs: boolean } | null> {
    const { running } = this.#node.state;
    if (running === null || running.lineage.sequence === 0) return null;
    const id = snapshotId(running.lineage);
    const manifest = await this.#snapshots.manifest(id);
    if (manifest === undefined || manifest.tls.length === 0) return null;
    return { id, differs: tlsDigest(manifest.tls) !== digests.tls };
  }

  /** What a peer that is MASTER runs and this passive node has not received. */
  #lacking(newest: SnapshotView["newest"], peers: Facts["peers"], now: number): SnapshotFacts["lacking"] {
    const { board, state } = this.#node;
    const master = peers.find(({ live, role }) => live && role === "MASTER");
    const runs = master && readReport(board.describe(master.name).status?.report)?.running;
    const lacks =
      state.leads !== null || runs?.sequence === 0
        ? false
        : runs && (newest === null || compareLineage(newest, runs) < 0);
    const forMs = this.#lasting.look("snapshot-too-old", lacks ?? undefined, now);
    if (forMs === 0 || master === undefined || !runs) return null;
    const holds = newest === null ? null : formatLineage(newest);
    return { of: master.name, runs: formatLineage(runs), holds, forMs };
  }

  #hostFacts(now: number): HostFacts {
    const { lastError } = this.#reconciler;
    const { journal } = this.#node;
    if (!journal.writable) journal.probe();
    const { writable } = journal;
    return {
      lastError: lastError ?? null,
      lastErrorForMs: this.#lasting.look("step-failed", lastError !== undefined, now),
      disks: this.#host.disks,
      devd: this.#host.devd,
      // One table may take a write and another not: well only when all have for a while.
      journalWritable: this.#lasting.look("journal-not-writable", !writable, now, { leaveMs: 5_000 }) < 2_000,
      http: this.#sources.http(),
    };
  }

  #seed(reason: Reason): void {
    const now = monotonic();
    const ms = wallClock() - Date.parse(reason.since);
    this.#lasting.seed(keyOf(reason), ms, now);
    if (reason.code === "role-opposite") this.#lasting.seed("role-opposite cold", ms, now);
    if (reason.code === "host-key-changed") this.#lasting.seed(`peer-unreachable ${reason.about}`, ms, now);
  }
}

function doubtedNewest(newest: Lineage | null, usable: Lineage | null): SnapshotFacts["newestDoubted"] {
  if (newest === null || usable === null || compareLineage(usable, newest) >= 0) return null;
  return { newest: formatLineage(newest), usable: formatLineage(usable) };
}

/**
 * A BACKUP is one because it hears a MASTER: with a peer that cannot be asked nothing can be said. INIT hears nobody, so
 * as far as this node can tell nobody has the address.
 */
function nobodyIsMaster(role: CarpFacts["role"], peers: Facts["peers"]): boolean | undefined {
  if (role === "unknown") return undefined;
  if (role === "MASTER" || peers.some((peer) => peer.live && peer.role === "MASTER")) return false;
  return role === "INIT" || peers.every(({ live }) => live) ? true : undefined;
}
