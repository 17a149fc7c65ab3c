import { formatSize } from "../platform/size.js";
import type { Lineage } from "../role/lineage.js";
import type { Refusal } from "../snapshot/refusal.js";
import type { Box } from "../snapshot/store.js";
import { type Colours, noColours } from "./colour.js";
import { wrapAfter } from "./wrap.js";

/** The document of `snapshot show --json`. Described in docs/json.md. */
export interface ShownDocument {
  readonly schema: "proxysql-carp/snapshot/v1";
  readonly id: string;
  readonly lineage: Lineage & { readonly text: string };
  readonly box: Box;
  /** Where it lies on this host. */
  readonly dir: string;
  /** null if it cannot be believed; `refusal` tells why. */
  readonly manifest: {
    readonly takenAt: string;
    readonly method: "admin" | "file";
    readonly proxysqlVersion: string | null;
    /** Packed, without the TLS files. */
    readonly bytes: number;
    readonly databaseBytes: number;
    /** The epochs that led to it, newest first: who opened each, and on what. */
    readonly ancestry: readonly {
      readonly epoch: number;
      readonly node: string;
      readonly base: string | null;
    }[];
    /** The older snapshot whose content an operator brought back with it. */
    readonly restoredFrom: string | null;
    /** Rows that an operator accepted to be gone, by table. */
    readonly accepted: Readonly<Record<string, number>>;
    readonly rows: Readonly<Record<string, number>>;
    readonly tls: readonly { readonly name: string; readonly size: number; readonly sha256: string }[];
    readonly content: string;
  } | null;
  /** All checks pass now. */
  readonly verified: boolean;
  readonly refusal: Refusal | null;
  /** ProxySQL here holds it; null without an agent. */
  readonly runs: boolean | null;
  readonly ms: number;
}

const labelWidth = 12;
/** Epochs told of one by one: who wants to follow them further back asks for --json. */
const mostEpochs = 5;
const methods = { admin: "through ProxySQL's admin", file: "from its file: ProxySQL was down" } as const;
const boxes = { inbox: "received, in", outbox: "taken here, in" } as const;

/** A snapshot in words, within 80 columns. Nothing of it reaches the terminal raw. */
export function formatSnapshot(document: ShownDocument, colours: Colours = noColours): string {
  const { id, lineage, manifest, box, dir, runs } = document;
  const lines = [
    ...row("snapshot", id),
    ...row("lineage", lineage.text),
    ...row("lies", `${boxes[box]} ${dir}`),
    ...verdict(document, colours),
    ...row(
      "runs",
      runs === null ? "not known: the agent does not answer" : runs ? "yes, here" : "no, not here",
    ),
    ...(manifest === null ? [] : manifestLines(manifest, lineage.node)),
  ];
  return lines.map((line) => `${line}\n`).join("");
}

function verdict({ verified, refusal }: ShownDocument, { good, bad }: Colours): string[] {
  if (verified) return row("verified", "now, by all checks").map(good);
  return row("refused", `${refusal?.cause ?? "unknown"}: ${refusal?.sentence ?? ""}`).map(bad);
}

function manifestLines(manifest: NonNullable<ShownDocument["manifest"]>, node: string): string[] {
  const { takenAt, method, proxysqlVersion, bytes, databaseBytes, rows, tls, restoredFrom, accepted } =
    manifest;
  const filled = Object.entries(rows).filter(([, count]) => count > 0);
  const empty = Object.keys(rows).length - filled.length;
  const width = Math.max(0, ...filled.map(([table]) => table.length));
  const gone = Object.entries(accepted).map(([table, count]) => `${table} (had ${count} rows)`);
  return [
    ...row("taken", `${takenAt} on ${node}, ${methods[method]}`),
    ...row("proxysql", proxysqlVersion ?? "version unknown"),
    ...row("size", `${formatSize(bytes)} packed, ${formatSize(databaseBytes)} unpacked`),
    ...(restoredFrom === null ? [] : row("restores", restoredFrom)),
    ...ancestryLines(manifest.ancestry),
    ...(gone.length === 0 ? [] : row("accepted", `empty on purpose: ${gone.join(", ")}`)),
    ...row(
      "tls",
      tls.length === 0 ? "no files" : tls.map(({ name, size }) => `${name} (${size} B)`).join(", "),
    ),
    ...filled.flatMap(([table, count], at) =>
      row(at === 0 ? "rows" : "", `${table.padEnd(width)}  ${String(count).padStart(7)}`),
    ),
    ...row(filled.length === 0 ? "rows" : "", `${empty} ${empty === 1 ? "table is" : "tables are"} empty`),
  ];
}

function ancestryLines(ancestry: NonNullable<ShownDocument["manifest"]>["ancestry"]): string[] {
  const shown = ancestry.slice(0, mostEpochs).map(({ epoch, node, base }) => {
    return `epoch ${epoch} opened by ${node} on ${base ?? "nothing of this pair"}`;
  });
  const more = ancestry.length - shown.length;
  return [...shown, ...(more > 0 ? [`and ${more} epochs before`] : [])].flatMap((text, at) =>
    row(at === 0 ? "ancestry" : "", text),
  );
}

function row(label: string, text: string): string[] {
  return wrapAfter(label.padEnd(labelWidth), text);
}
