import { z } from "zod";
import { EndpointTrouble } from "./trouble.js";
import type { Instance, Recovery, ServerKey } from "./types.js";

// Only what is used is looked at: Orchestrator's rows have some ninety fields, and other versions have others.

/** Longest name in DNS, with room for what Orchestrator puts before the name of a detached master. */
const longestHost = 260;
/** What no host name holds: what a terminal might obey, blanks, and the mark of bytes that are no UTF-8. */
const noHost = /[\p{C}\p{Z}\uFFFD]/u;

const key = z
  .object({ Hostname: z.string(), Port: z.number() })
  .refine(isServer, { error: "is no host with a port" })
  .transform(({ Hostname, Port }): ServerKey => ({ host: Hostname, port: Port }));

/** Orchestrator's own rule for "none" (InstanceKey.IsValid): no name, the name `_`, or no port. */
const noKey = z
  .object({ Hostname: z.string(), Port: z.number() })
  .refine(({ Hostname, Port }) => Hostname === "" || Hostname === "_" || Port === 0)
  .transform(() => null);

const keyOrNone = z.union([noKey, z.null(), key]);

const instance = z
  .object({
    Key: key,
    ClusterName: z.string(),
    SuggestedClusterAlias: z.string(),
    ReadOnly: z.boolean(),
    MasterKey: keyOrNone,
    IsCoMaster: z.boolean(),
    ReplicationDepth: z.number(),
    // Spelt like this by Orchestrator.
    ReplicationSQLThreadRuning: z.boolean(),
    ReplicationIOThreadRuning: z.boolean(),
    IsLastCheckValid: z.boolean(),
    SecondsSinceLastSeen: z.object({ Int64: z.number(), Valid: z.boolean() }),
    IsDowntimed: z.boolean(),
    DowntimeReason: z.string(),
    DowntimeOwner: z.string(),
    DowntimeEndTimestamp: z.string(),
  })
  .transform(
    (row): Instance => ({
      key: row.Key,
      cluster: row.ClusterName,
      alias: row.SuggestedClusterAlias,
      readOnly: row.ReadOnly,
      master: row.MasterKey,
      coMaster: row.IsCoMaster,
      depth: row.ReplicationDepth,
      replicating: row.ReplicationSQLThreadRuning && row.ReplicationIOThreadRuning,
      checkValid: row.IsLastCheckValid,
      secondsSinceSeen: row.SecondsSinceLastSeen.Valid ? row.SecondsSinceLastSeen.Int64 : null,
      downtimed: row.IsDowntimed,
      downtimeReason: row.DowntimeReason,
      downtimeOwner: row.DowntimeOwner,
      downtimeEnds: row.DowntimeEndTimestamp,
    }),
  );

/** A backend's time: `2026-11-21T01:58:31Z`, or without the letters, and then UTC too: the backend keeps UTC. */
const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?$/)
  .transform((text) => new Date(/Z|[+-]\d\d:\d\d$/.test(text) ? text : `${text.replace(" ", "T")}Z`))
  .refine((date) => !Number.isNaN(date.getTime()))
  .transform((date) => date.toISOString());

const recovery = z
  .object({
    UID: z.string().min(1),
    AnalysisEntry: z.object({
      AnalyzedInstanceKey: key,
      Analysis: z.string(),
      ClusterDetails: z.object({ ClusterName: z.string(), ClusterAlias: z.string() }),
    }),
    SuccessorKey: keyOrNone,
    IsActive: z.boolean(),
    IsSuccessful: z.boolean(),
    RecoveryStartTimestamp: time,
  })
  .transform(
    (row): Recovery => ({
      uid: row.UID,
      failed: row.AnalysisEntry.AnalyzedInstanceKey,
      successor: row.SuccessorKey,
      successful: row.IsSuccessful,
      active: row.IsActive,
      analysis: row.AnalysisEntry.Analysis,
      cluster: row.AnalysisEntry.ClusterDetails.ClusterName,
      alias: row.AnalysisEntry.ClusterDetails.ClusterAlias,
      startedAt: row.RecoveryStartTimestamp,
    }),
  );

const raftStatus = z.object({
  State: z.string(),
  IsPartOfQuorum: z.boolean(),
  Leader: z.string(),
  LeaderURI: z.string(),
});
export type RaftStatus = z.infer<typeof raftStatus>;

const envelope = z.object({ Code: z.string(), Message: z.string(), Details: z.unknown() });
export type Envelope = z.infer<typeof envelope>;

const health = z.object({ Code: z.literal("OK"), Details: z.object({ Healthy: z.boolean() }) });

/** A row of downtimed or all-instances. A nonsensical one is `EndpointTrouble`, as in all that follow. */
export function readInstance(row: unknown): Instance {
  return parse(instance, row, "an instance");
}

/** A row of audit-recovery. */
export function readRecovery(row: unknown): Recovery {
  return parse(recovery, row, "a recovery");
}

export function readRaftStatus(document: unknown): RaftStatus {
  return parse(raftStatus, document, "raft-status");
}

/** Whether /api/health says that the node can write to its backend. */
export function readHealthy(document: unknown): boolean {
  return parse(health, document, "health").Details.Healthy;
}

/** The envelope of an error; undefined for what is none. */
export function readEnvelope(document: unknown): Envelope | undefined {
  return envelope.safeParse(document).data;
}

function isServer({ Hostname, Port }: { Hostname: string; Port: number }): boolean {
  if (Hostname === "" || Hostname.length > longestHost || noHost.test(Hostname)) return false;
  return Number.isInteger(Port) && Port >= 1 && Port <= 65_535;
}

function parse<T>(schema: z.ZodType<T>, document: unknown, what: string): T {
  const result = schema.safeParse(document);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.join(".") || "the whole of it";
  throw new EndpointTrouble(
    "nonsense",
    `${what} is not as Orchestrator writes it: ${where} ${issue?.message ?? "is wrong"}.`,
    result.error,
  );
}
