import { z } from "zod";
import { manifestSchema } from "../snapshot/manifest.js";

/** More than one host has: a peer that lists more wants to fill our memory, or our status page. */
const longestList = 256;
const longestText = 200;

const role = z.enum(["MASTER", "BACKUP", "INIT", "unknown"]);
const text = z.string().max(longestText);
/** A name of 253 characters and a port; a Unix socket's path is shorter. */
const serverText = z.string().max(300);
const longestFences = 1_024;
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const whole = z.number().int();

/** What another version says in another form is as if it were not said: the role must be known all the same. */
function maybe<T extends z.ZodType>(schema: T) {
  return schema.optional().catch(undefined);
}

/**
 * What an agent tells its peers about itself over the link. Fields are only ever added, and what came later is
 * optional. What is not named here is left out: a peer cannot put into our memory and status what it likes.
 */
const reportSchema = z.object({
  role,
  leads: whole.nullable(),
  running: manifestSchema.shape.lineage.nullable(),
  vhids: maybe(
    z
      .array(
        z.object({ vhid: text, role, advskew: maybe(whole.nullable()), advbase: maybe(whole.nullable()) }),
      )
      .max(longestList),
  ),
  standby: maybe(z.enum(["warm", "cold"])),
  proxysql: maybe(z.object({ up: z.boolean(), serving: z.boolean(), version: text.nullable() })),
  /** Fit to be MASTER, as far as that host itself is concerned. */
  ready: maybe(z.boolean()),
  /** The codes of its reasons. */
  reasons: maybe(z.array(z.string().regex(/^[a-z0-9-]{1,60}$/)).max(longestList)),
  maintenance: maybe(z.boolean()),
  /** `net.inet.carp.preempt`; null if it cannot be read. */
  preempt: maybe(z.boolean().nullable()),
  /** `net.inet.carp.demotion`, and the agent's own share of it. */
  demotion: maybe(
    z.object({ total: whole.nullable(), share: whole, why: maybe(z.string().max(40).nullable()) }),
  ),
  /** It is giving the role away: which switchover, and to whom. */
  switchover: maybe(z.object({ id: text, to: text }).nullable()),
  /** The MySQL servers that it fences, as `host:port`. */
  fences: maybe(z.array(serverText).max(longestFences)),
  /** Those that an operator has released there although what they were fenced for goes on. */
  pardoned: maybe(z.array(serverText).max(longestFences)),
  /** A leader of Orchestrator in quorum answers it; null if it does not ask. */
  seesQuorum: maybe(z.boolean().nullable()),
  /** Digest of its ProxySQL's table definitions. */
  definitions: maybe(digest.nullable()),
  /** Digest of its three TLS files; null if it has none. */
  tls: maybe(digest.nullable()),
});

export type PeerReport = z.infer<typeof reportSchema>;

/** What was read of each answer: it is looked at many times before the next one comes. */
const read = new WeakMap<object, PeerReport | null>();

/** A peer agent's report, or null if it sent none that we can read. An answer is read once, and must not change. */
export function readReport(report: unknown): PeerReport | null {
  if (typeof report !== "object" || report === null) return null;
  const known = read.get(report);
  if (known !== undefined) return known;
  const parsed = reportSchema.safeParse(report).data ?? null;
  read.set(report, parsed);
  return parsed;
}
