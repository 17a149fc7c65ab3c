import { wallClock } from "../platform/clock.js";
import { KnownError } from "../platform/errors.js";
import { Mutex } from "../platform/mutex.js";
import type { ShareCause } from "../role/care.js";
import { presentShare, type ShareRecord, shareRecordSchema, shareSize } from "./share.js";
import { addDemotion, readCarpSysctls } from "./sysctl.js";

/** Where the record of our share is kept; a write is on disk before it returns. */
export interface ShareKeeper {
  read(): unknown;
  write(record: ShareRecord): void;
}

const nothing = { share: 0, why: null, since: null, pending: null } as const;

/**
 * This node's own share of CARP demotion: all of it or none. Each change is persisted before it is made and after, so
 * that a share is neither lost nor taken back twice whatever ends the process (FreeBSD's sysctl adds, and is volatile).
 */
export class Demotion {
  readonly #keeper: ShareKeeper;
  readonly #boot: string;
  /** Two changes at once would each find the other one's share, and add or take it back twice. */
  readonly #turn = new Mutex();
  #record: ShareRecord;
  #settled: boolean;

  /** `boot`: a text that is another one after each boot of this host. */
  constructor(keeper: ShareKeeper, boot: string) {
    this.#keeper = keeper;
    this.#boot = boot;
    const kept = keeper.read();
    const parsed = shareRecordSchema.safeParse(kept ?? { ...nothing, boot });
    if (!parsed.success)
      throw new KnownError(
        "state-damaged",
        "The journal's record of our CARP demotion cannot be understood.",
      );
    this.#record = parsed.data;
    this.#settled = this.#record.pending === null && (this.#record.share === 0 || this.#record.boot === boot);
  }

  get share(): number {
    return this.#record.share;
  }

  get why(): ShareCause | null {
    return this.#record.why;
  }

  /** ms since 1970; null without a share. */
  get since(): number | null {
    return this.#record.since;
  }

  /** True if what was begun before this process started has been finished. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Finishes what an earlier process began, and adds our share again after a reboot. To be called until it succeeds. */
  async settle(): Promise<void> {
    await this.#turn.run(async () => {
      const { share, pending, why } = this.#record;
      if (!this.#settled) await this.#bring(pending?.to ?? share, why);
      this.#settled = true;
    });
  }

  /** Adds our share for a cause. With the share there already only the cause changes. */
  async add(why: ShareCause): Promise<void> {
    await this.#turn.run(() => this.#bring(shareSize, why));
  }

  /** Takes our share back, and nothing else. */
  async takeBack(): Promise<void> {
    await this.#turn.run(() => this.#bring(0, null));
  }

  async #bring(to: number, why: ShareCause | null): Promise<void> {
    const { demotion } = await readCarpSysctls();
    const present = presentShare(this.#record, demotion, this.#boot);
    const since = to === 0 ? null : (this.#record.since ?? wallClock());
    const record = { why, since, boot: this.#boot };
    if (present !== to) {
      this.#keep({ ...record, share: present, pending: { to, before: demotion } });
      await addDemotion(to - present);
    }
    this.#keep({ ...record, share: to, pending: null });
  }

  #keep(record: ShareRecord): void {
    this.#keeper.write(record);
    this.#record = record;
  }
}
