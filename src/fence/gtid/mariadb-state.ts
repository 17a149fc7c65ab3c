import { KnownError } from "../../platform/errors.js";

/** A GTID of MariaDB, `domain-server-sequence`. Domain and server id are 32 bits wide, the sequence number 64. */
export interface MariadbGtid {
  readonly domain: number;
  readonly server: number;
  readonly sequence: bigint;
}

/**
 * Reads `gtid_binlog_state` (one entry for each domain and server), `gtid_binlog_pos` and `gtid_slave_pos` (one for
 * each domain), and what Gtid_list events say (the first form, in brackets). An empty text is an empty list.
 * Errors: `mysql-answer` for anything else. Source: MariaDB's documentation, "Global Transaction ID".
 */
export function parseMariadbGtids(text: string): MariadbGtid[] {
  const bare = text.replaceAll(/\s/g, "").replace(/^\[(.*)\]$/, "$1");
  if (bare === "") return [];
  return bare.split(",").map((part) => {
    const numbers = /^(\d{1,10})-(\d{1,10})-(\d{1,20})$/.exec(part);
    if (!numbers)
      throw new KnownError("mysql-answer", `Not a list of MariaDB's GTIDs: "${text.slice(0, 80)}".`);
    const [, domain, server, sequence] = numbers;
    return { domain: Number(domain), server: Number(server), sequence: BigInt(sequence as string) };
  });
}

/** `0-1-100` */
export function formatMariadbGtid({ domain, server, sequence }: MariadbGtid): string {
  return `${domain}-${server}-${sequence}`;
}

/** The greatest sequence number for each domain and server in several lists. */
export class MariadbState {
  readonly #highest = new Map<number, Map<number, bigint>>();

  constructor(...lists: readonly (readonly MariadbGtid[])[]) {
    for (const { domain, server, sequence } of lists.flat()) {
      const servers = this.#highest.get(domain) ?? new Map<number, bigint>();
      this.#highest.set(domain, servers);
      if (sequence > (servers.get(server) ?? -1n)) servers.set(server, sequence);
    }
  }

  get(domain: number, server: number): bigint | undefined {
    return this.#highest.get(domain)?.get(server);
  }

  domains(): number[] {
    return [...this.#highest.keys()];
  }

  /** What is known of one domain, by server. */
  servers(domain: number): ReadonlyMap<number, bigint> {
    return this.#highest.get(domain) ?? new Map();
  }

  /** The greatest number in a domain, whoever gave it; undefined if the domain is not known. */
  highest(domain: number): bigint | undefined {
    return greatest([...this.servers(domain).values()]);
  }

  entries(): MariadbGtid[] {
    return [...this.#highest].flatMap(([domain, servers]) =>
      [...servers].map(([server, sequence]) => ({ domain, server, sequence })),
    );
  }
}

/** The lower of two numbers: Math.min knows none of this size. */
export function lesser(a: bigint, b: bigint): bigint {
  if (a < b) return a;
  return b;
}

/** The greatest of some numbers; undefined for none. */
export function greatest(numbers: readonly bigint[]): bigint | undefined {
  return numbers.reduce<bigint | undefined>(
    (best, one) => (best === undefined || one > best ? one : best),
    undefined,
  );
}
