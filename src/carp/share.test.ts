import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Demotion } from "./demotion.js";
import { presentShare, type ShareRecord, shareSize } from "./share.js";

const plain: ShareRecord = { share: 0, why: null, since: null, boot: "one", pending: null };
const shared: ShareRecord = { ...plain, share: shareSize, why: "unready", since: 1 };

describe("presentShare", () => {
  it.each([
    ["nothing was ever added", plain, 240, "one", 0],
    ["it was added and nothing happened since", shared, shareSize, "one", shareSize],
    ["others added theirs to it", shared, shareSize + 100, "one", shareSize],
    ["an operator has taken it away by hand", shared, 0, "one", 0],
    ["one has, and the link is down", shared, 240, "one", 0],
    ["the host was booted anew", shared, 0, "two", 0],
    ["it was booted, and the link is down", shared, 240, "two", 0],
    ["it was booted, and something of another is there", shared, 100, "two", 0],
    ["the run directory was emptied without a boot", shared, shareSize + 240, "two", shareSize],
    ["the end came before the write", { ...plain, pending: { to: shareSize, before: 7 } }, 7, "one", 0],
    [
      "the end came after the write",
      { ...plain, pending: { to: shareSize, before: 7 } },
      7 + shareSize,
      "one",
      shareSize,
    ],
    [
      "after it, and the kernel added its own",
      { ...plain, pending: { to: shareSize, before: 0 } },
      480 + shareSize,
      "one",
      shareSize,
    ],
    [
      "before it, and the kernel added its own",
      { ...plain, pending: { to: shareSize, before: 0 } },
      480,
      "one",
      0,
    ],
  ] as const)("when %s", (_, record, total, boot, present) => {
    expect(presentShare(record, total, boot)).toBe(present);
  });
});

describe("Demotion, on a sysctl that adds", () => {
  const bin = resolve("test/support/host/bin");
  const path = process.env.PATH;
  let dir: string;
  let kept: unknown;
  /** How many writes of the record are let through before the process "dies". */
  let writes: number;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), "share-"));
    process.env.PATH = `${bin}:${path}`;
    process.env.HOST_STATE = dir;
    kept = undefined;
    writes = Number.POSITIVE_INFINITY;
  });

  afterEach(() => {
    process.env.PATH = path;
    delete process.env.HOST_STATE;
    rmSync(dir, { recursive: true });
  });

  const keeper = {
    read: (): unknown => kept,
    write: (record: ShareRecord): void => {
      if (writes === 0) throw new Error("the power went");
      writes -= 1;
      kept = structuredClone(record);
    },
  };

  function total(): number {
    try {
      return Number(readFileSync(join(dir, "sysctl/net.inet.carp.demotion"), "utf8"));
    } catch {
      return 0;
    }
  }

  function reboot(): void {
    rmSync(join(dir, "sysctl"), { recursive: true, force: true });
  }

  it("adds it once, however often it is asked to, and takes back exactly that", async () => {
    const demotion = new Demotion(keeper, "one");
    await demotion.add("unready");
    await demotion.add("given-away");
    expect(total()).toBe(shareSize);
    expect(demotion.why).toBe("given-away");
    await demotion.takeBack();
    await demotion.takeBack();
    expect(total()).toBe(0);
  });

  it("is changed by one at a time: two who take it back at once take it back once", async () => {
    const demotion = new Demotion(keeper, "one");
    await Promise.all([demotion.add("switchover"), demotion.add("unready")]);
    expect(total()).toBe(shareSize);
    await Promise.all([demotion.takeBack(), demotion.takeBack()]);
    expect(total()).toBe(0);
  });

  it("is there again after a reboot, once", async () => {
    await new Demotion(keeper, "one").add("unready");
    reboot();
    const demotion = new Demotion(keeper, "two");
    expect(demotion.settled).toBe(false);
    await demotion.settle();
    await demotion.settle();
    expect(total()).toBe(shareSize);
  });

  it("is not taken back twice when an operator has taken it by hand", async () => {
    const demotion = new Demotion(keeper, "one");
    await demotion.add("unready");
    reboot();
    await demotion.takeBack();
    expect(total()).toBe(0);
    expect(demotion.share).toBe(0);
  });

  it("is neither lost nor taken twice, whenever the process ends", async () => {
    const act = fc.record({
      what: fc.constantFrom("add", "take", "reboot", "restart"),
      writes: fc.constantFrom(0, 1, 2, 9),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 6 }), async (acts) => {
        reboot();
        kept = undefined;
        let boot = "boot 0";
        let demotion = new Demotion(keeper, boot);
        for (const [index, { what, writes: left }] of acts.entries()) {
          writes = left;
          const work =
            what === "add" ? demotion.add("unready") : what === "take" ? demotion.takeBack() : undefined;
          await work?.catch(() => undefined);
          writes = Number.POSITIVE_INFINITY;
          if (what === "reboot") {
            reboot();
            boot = `boot ${index + 1}`;
          }
          // Whatever happened, a new process finds out what is there.
          demotion = new Demotion(keeper, boot);
          await demotion.settle();
          expect(total()).toBe(demotion.share);
        }
        await demotion.takeBack();
        expect(total()).toBe(0);
      }),
      { numRuns: 25 },
    );
  });
});
