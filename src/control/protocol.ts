import { z } from "zod";

/** The longest request line, in bytes. The longest that we know is shorter than 200. */
export const requestLimit = 16 * 1024;

/** `<epoch>-<sequence>-<node>`: the name of a snapshot, as the peer's `serve` tells it. */
const snapshotId = /^\d{10}-\d{10}-[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** A node's name, as the configuration has it. */
export const nodeName = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/;

/** What devd's hook, the spool and `notify` say. */
export const carpEventSchema = z.object({
  op: z.literal("event"),
  type: z.enum(["MASTER", "BACKUP", "INIT"]),
  subsystem: z.string().regex(/^\d{1,3}@[A-Za-z0-9_.]+$/),
});
export type CarpEvent = z.infer<typeof carpEventSchema>;

const switchoverId = z.string().regex(/^[0-9a-f]{8}$/);
const switchoverOptions = {
  force: z.boolean(),
  dryRun: z.boolean(),
  timeoutMs: z.int().min(1_000).max(3_600_000),
} as const;

/** Orchestrator may have news: ask it. `fence-now` waits until what it says is done. */
const fenceHint = z.object({
  op: z.literal("fence-hint"),
  /** What Orchestrator's hook was told, for people: nothing is done by it. */
  hook: z
    .object({
      command: z.string().max(100),
      failure: z.string().max(100),
      failed: z.string().max(300),
      successor: z.string().max(300),
      recovery: z.string().max(300),
    })
    .partial()
    .optional(),
});
const fenceRequests = [fenceHint, z.object({ op: z.literal("fence-now") })] as const;

/** Requests on `fence.sock`, which ProxySQL's own user can reach: its scheduler. */
export const fenceRequestSchema = z.discriminatedUnion("op", [...fenceRequests]);
export type FenceHint = z.infer<typeof fenceHint>;
export type FenceRequest = z.infer<typeof fenceRequestSchema>;

/** Requests on `agent.sock`, which only root (or the agent's own user) can reach. */
export const controlRequestSchema = z.discriminatedUnion("op", [
  carpEventSchema,
  z.object({ op: z.literal("status") }),
  z.object({ op: z.literal("take-accepted") }),
  z.object({ op: z.literal("take"), accept: z.boolean().optional() }),
  z.object({ op: z.literal("restore"), id: z.string().regex(snapshotId), dryRun: z.boolean().optional() }),
  z.object({ op: z.literal("list"), limit: z.int().min(1).max(100_000) }),
  z.object({
    op: z.literal("maintenance"),
    on: z.boolean(),
    note: z.string().max(500).optional(),
    forcePromotion: z.boolean().optional(),
  }),
  z.object({ op: z.literal("maintenance-status") }),
  z.object({ op: z.literal("fence-status") }),
  z.object({
    op: z.literal("fence-release"),
    host: z.string().min(1).max(253),
    port: z.int().min(1).max(65_535),
    force: z.boolean(),
  }),
  ...fenceRequests,
  z.object({ op: z.literal("drill") }),
  z.object({
    op: z.literal("switchover"),
    to: z.string().regex(nodeName).nullable(),
    ...switchoverOptions,
  }),
  z.object({ op: z.literal("switchover-progress"), id: switchoverId }),
  z.object({ op: z.literal("switchover-cancel"), id: switchoverId }),
  z.object({
    op: z.literal("history"),
    since: z.iso.datetime({ offset: true }).optional(),
    limit: z.int().min(1).max(10_000).optional(),
  }),
]);
export type ControlRequest = z.infer<typeof controlRequestSchema>;

/** What a peer may ask for a switchover. `give`: our role, to it; the others are about one that is under way. */
const switchoverAskSchema = z.discriminatedUnion("op", [
  z.object({ op: z.literal("give"), ...switchoverOptions }),
  z.object({ op: z.literal("progress"), id: switchoverId }),
  z.object({ op: z.literal("cancel"), id: switchoverId }),
  z.object({ op: z.enum(["claim", "step-in", "stand-aside"]), id: switchoverId }),
]);
export type SwitchoverAsk = z.infer<typeof switchoverAskSchema>;

/**
 * Requests on `peer.sock`, which the SSH link's user can reach. Nothing acts but a switchover, which the agent performs
 * only after it has asked the peer itself.
 */
export const peerRequestSchema = z.discriminatedUnion("op", [
  z.object({ op: z.literal("peer-status") }),
  z.object({ op: z.literal("received"), id: z.string().regex(snapshotId) }),
  z.object({
    op: z.literal("peer-announces"),
    node: z.string().regex(nodeName),
    role: z.enum(["MASTER", "BACKUP", "INIT", "unknown"]),
  }),
  z.object({
    op: z.literal("peer-switchover"),
    node: z.string().regex(nodeName),
    ask: switchoverAskSchema,
  }),
  // By Orchestrator's hook, which comes in by the same SSH user: a hint to look.
  fenceHint,
]);

export type PeerRequest = z.infer<typeof peerRequestSchema>;

/** Every answer: `ok` and whatever belongs to it, or a sentence that says what is wrong. */
export type ControlAnswer =
  | ({ readonly ok: true } & Record<string, unknown>)
  | { readonly ok: false; readonly error: string };
