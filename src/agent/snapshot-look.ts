import { join } from "node:path";
import { z } from "zod";
import type { DivergenceFacts } from "../health/facts.js";
import { monotonic, wallClock } from "../platform/clock.js";
import { namesIn } from "../platform/files.js";
import type { Lineage } from "../role/lineage.js";
import type { Manifest } from "../snapshot/manifest.js";
import type { AgentContext } from "./context.js";

/** What lies on this node's disk, as far as reasons are found from it. */
export interface SnapshotView {
  /** The greatest lineage in the store; null without a snapshot. */
  readonly newest: Lineage | null;
  /** How many are in the store that ProxySQL has not failed on, and the greatest of them. */
  readonly usable: number;
  readonly newestUsable: Lineage | null;
  /** Names in quarantine, oldest first. */
  readonly quarantine: readonly string[];
  readonly divergence: DivergenceFacts | null;
}

const notesEveryMs = 5_000;
const dayMs = 86_400_000;
const kinds = ["divergence", "superseded-unshipped", "local-edit-replaced", "divergence-report"] as const;

const detailSchema = z.object({
  ours: z.string().nullish(),
  theirs: z.string().nullish(),
  kept: z.string().nullish(),
  path: z.string().nullish(),
  live: z.string().nullish(),
});

/** Reads names in the boxes at each look, and one manifest when it is another one than before. */
export class SnapshotLook {
  readonly #node: Pick<AgentContext, "store" | "trial" | "journal" | "config">;
  #manifest: Manifest | undefined;
  #divergence: { found: DivergenceFacts | null; at: number } | undefined;

  constructor(node: Pick<AgentContext, "store" | "trial" | "journal" | "config">) {
    this.#node = node;
  }

  async look(): Promise<SnapshotView> {
    const { store, trial, config } = this.#node;
    const stored = await store.list();
    const usable = stored.filter(({ lineage }) => trial.allows(lineage));
    return {
      newest: stored.at(-1)?.lineage ?? null,
      usable: usable.length,
      newestUsable: usable.at(-1)?.lineage ?? null,
      quarantine: await quarantined(join(config.node.state_dir, "quarantine")),
      divergence: await this.#lookForDivergence(),
    };
  }

  /** The manifest of a snapshot in the store; undefined if it is not there or cannot be read. */
  async manifest(id: string): Promise<Manifest | undefined> {
    if (this.#manifest?.id !== id)
      this.#manifest = await this.#node.store.manifest(id).catch(() => undefined);
    return this.#manifest;
  }

  async #lookForDivergence(): Promise<DivergenceFacts | null> {
    if (this.#divergence === undefined || monotonic() - this.#divergence.at > notesEveryMs)
      this.#divergence = { found: await this.#findDivergence(), at: monotonic() };
    return this.#divergence.found;
  }

  async #findDivergence(): Promise<DivergenceFacts | null> {
    const { journal, config } = this.#node;
    const since = new Date(wallClock() - dayMs).toISOString();
    const [note] = journal.query<{ at: string; kind: (typeof kinds)[number]; detail: string }>(
      `SELECT at, kind, detail FROM notes WHERE kind IN (${kinds.map(() => "?").join(",")}) AND at >= ? ORDER BY id DESC LIMIT 1`,
      ...kinds,
      since,
    );
    const report = await newestReport(join(config.node.state_dir, "divergence"), since);
    if (note === undefined)
      return (
        report && { kind: "report", at: report.at, ours: null, theirs: null, live: null, path: report.path }
      );
    const { ours, theirs, kept, path, live } = detailSchema.safeParse(parse(note.detail)).data ?? {};
    return {
      kind: note.kind === "divergence-report" ? "report" : note.kind,
      at: note.at,
      ours: ours ?? null,
      theirs: theirs ?? null,
      live: note.kind === "divergence" || live === "ours" ? "ours" : "theirs",
      path: kept ?? path ?? report?.path ?? null,
    };
  }
}

/** The newest report of a divergence; its name begins with its time, as `2026-01-01T00-00-00-000Z`. */
async function newestReport(dir: string, since: string): Promise<{ at: string; path: string } | null> {
  const plain = (text: string): string => text.replaceAll(/[-:.TZ]/g, "");
  const names = (await namesIn(dir)).filter((name) => /^[\w.:-]+\.json$/.test(name)).sort();
  const name = names.findLast((one) => plain(one).slice(0, 17) >= plain(since));
  return name === undefined ? null : { at: name.replace(/\.json$/, ""), path: join(dir, name) };
}

/** Of a directory that the link's user writes to: only names that we gave, which end with a time, are repeated. */
async function quarantined(dir: string): Promise<string[]> {
  const names = (await namesIn(dir)).filter((name) => !name.startsWith("."));
  const timeOf = (name: string): string => /(\d{8}T\d{9}Z)(?:-\d+)?$/.exec(name)?.[1] ?? "";
  return names
    .map((name) => (/^[A-Za-z0-9_-]{1,150}$/.test(name) ? name : "(a name not given by us)"))
    .sort((a, b) => timeOf(a).localeCompare(timeOf(b)) || a.localeCompare(b));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
