import { z } from "zod";

/** What stands in the lock: who holds it, for people and for the holder itself after a restart. */
const valueSchema = z.object({
  node: z.string().regex(/^[A-Za-z0-9_-]{1,63}$/),
  owner: z.string().max(100),
  since: z.string().max(100),
});
export type LockValue = z.infer<typeof valueSchema>;

/** Who has the lock. `lease` is what keeps it: etcd's lease or Consul's session. */
export interface Holding {
  readonly lease: string;
  /** null if somebody else put another form of text there. */
  readonly value: LockValue | null;
}

/**
 * A lock in etcd or Consul that its holder must keep alive. Every call has a deadline of its own and rejects with
 * `lock-unreachable` or `lock-refused`.
 */
export interface LockService {
  /** Who has it; null: nobody. Never an old answer. */
  look(): Promise<Holding | null>;
  /** Takes it for `value` if it is free. Resolves with whoever has it then, which may be somebody else; null if nobody. */
  take(value: LockValue): Promise<Holding | null>;
  /** Lets the lease live for another ttl. false: it has run out, or the lock is not tied to it any more. */
  keepAlive(lease: string): Promise<boolean>;
  /** Gives the lock back at once. Nothing happens if the lease has run out. */
  release(lease: string): Promise<void>;
}

export function writtenValue(value: LockValue): string {
  return JSON.stringify(value);
}

/** What another program put there is a holder all the same: only not one that is known. */
export function readValue(text: string): LockValue | null {
  try {
    return valueSchema.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
