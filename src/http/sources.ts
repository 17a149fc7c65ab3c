import type { Reason } from "../health/reason.js";
import type { HistoryDocument, HistoryOptions } from "../journal/history.js";
import type { MaintenanceView } from "../role/care.js";
import type { MetricValues } from "./metric-values.js";

/** Something that happened to a snapshot. */
export interface DatedView {
  readonly snapshot: string;
  readonly at: string;
  readonly ageMs: number;
}

/** One peer as the page shows it. */
export interface PeerPageView {
  readonly name: string;
  readonly link: string;
  readonly error: string | null;
  readonly lastShipped: DatedView | null;
  readonly pending: string | null;
  readonly best: { readonly text: string } | null;
  readonly report: { readonly role: string } | null;
  readonly viewAgeMs: number | null;
}

/** The part of the status document that the page shows; `/api/v1/status` has all of it. */
export interface StatusView {
  readonly at: string;
  readonly version: string;
  readonly node: string;
  readonly role: string;
  readonly vhids: readonly { readonly vhid: string; readonly role: string }[];
  readonly standby: string;
  readonly leads: number | null;
  readonly running: { readonly text: string } | null;
  readonly proxysql: {
    readonly up: boolean;
    readonly admin: boolean;
    readonly serving: boolean;
    readonly paused: boolean;
    readonly version: string | null;
  };
  readonly lastTaken: DatedView | null;
  readonly lastReceived: DatedView | null;
  readonly lastInstalled: DatedView | null;
  readonly peers: readonly PeerPageView[];
  readonly maintenance: MaintenanceView | null;
  readonly drill: {
    readonly at: string;
    readonly ok: boolean;
    readonly ms: number;
    readonly why: string | null;
  } | null;
}

/** Whether the agent's loops turn; if not, which one stands still, in a sentence. */
export interface Liveness {
  readonly ok: boolean;
  readonly why: string | null;
}

/** Where the pages' content comes from. All of it is at hand: none of these waits for anything. */
export interface HttpSources {
  status(): StatusView;
  reasons(): readonly Reason[];
  /** The role of the first vhid: `MASTER`, `BACKUP`, `INIT` or `unknown`. */
  role(): string;
  history(options: HistoryOptions): HistoryDocument;
  alive(): Liveness;
  metrics(): MetricValues;
}
