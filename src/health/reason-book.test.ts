import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Finding, type ReasonCode, reasonKinds } from "./reason.js";
import { keyOf, ReasonBook } from "./reason-book.js";

const codes = Object.keys(reasonKinds) as ReasonCode[];

function finding(code: ReasonCode, about: string | null = null, sentence = "It is so."): Finding {
  return { code, about, sentence, todo: "Do this." };
}

const anyFinding = fc.record({
  code: fc.constantFrom(...codes.slice(0, 6)),
  about: fc.constantFrom(null, "b", "c"),
  sentence: fc.string(),
  todo: fc.string(),
});

describe("ReasonBook", () => {
  it("tells what kind a reason is, and since when", () => {
    const book = new ReasonBook(undefined);
    const { raised } = book.update([finding("drift")], Date.parse("2026-01-01T00:00:00Z"));

    expect(raised).toEqual([
      {
        ...finding("drift"),
        group: "proxysql",
        severity: "warning",
        since: "2026-01-01T00:00:00.000Z",
      },
    ]);
    expect(book.reasons).toEqual(raised);
  });

  it("takes another wording for the same reason, and shows the newest", () => {
    const book = new ReasonBook(undefined);
    book.update([finding("drift", null, "for 1 s")], 1_000);
    const change = book.update([finding("drift", null, "for 2 s")], 2_000);

    expect(change).toEqual({ raised: [], cleared: [], repeated: [] });
    expect(book.reasons).toMatchObject([{ sentence: "for 2 s", since: new Date(1_000).toISOString() }]);
  });

  it("takes another `about` for another reason", () => {
    const book = new ReasonBook(undefined);
    book.update([finding("peer-unreachable", "b")], 1_000);
    const { raised, cleared } = book.update([finding("peer-unreachable", "c")], 2_000);

    expect(raised).toMatchObject([{ about: "c" }]);
    expect(cleared).toMatchObject([{ about: "b" }]);
  });

  it("has the worst first", () => {
    const book = new ReasonBook(undefined);
    book.update([finding("drift"), finding("both-master", "b"), finding("maintenance-on")], 0);

    expect(book.reasons.map(({ code }) => code)).toEqual(["both-master", "maintenance-on", "drift"]);
  });

  it("says again what stays, as often as it is told to, and otherwise never", () => {
    const book = new ReasonBook(undefined, 1_000);
    const times: number[] = [];
    for (let now = 0; now <= 3_500; now += 500) {
      if (book.update([finding("drift")], now).repeated.length > 0) times.push(now);
    }
    expect(times).toEqual([1_000, 2_000, 3_000]);

    const silent = new ReasonBook(undefined);
    for (let now = 0; now < 1e9; now += 1e8)
      expect(silent.update([finding("drift")], now).repeated).toEqual([]);
  });

  it("goes on telling after the clock was set back", () => {
    const book = new ReasonBook(undefined, 1_000);
    book.update([finding("drift")], 1e12);
    book.update([finding("drift")], 5_000);

    expect(book.update([finding("drift")], 6_000).repeated).toHaveLength(1);
  });

  it("goes on where it was after a restart", () => {
    const book = new ReasonBook(undefined, 1_000);
    book.update([finding("drift"), finding("peer-unreachable", "b")], 5_000);
    const again = new ReasonBook(JSON.parse(JSON.stringify(book.toKeep())), 1_000);

    expect(again.reasons).toEqual(book.reasons);
    const { raised, cleared, repeated } = again.update([finding("drift")], 6_000);
    expect([raised, cleared, repeated].map((reasons) => reasons.map(({ code }) => code))).toEqual([
      [],
      ["peer-unreachable"],
      ["drift"],
    ]);
  });

  it.each([[undefined], [null], ["text"], [{ reasons: [{ code: "no-such-code" }] }], [{ reasons: [{}] }]])(
    "begins anew with %j",
    (kept) => {
      expect(new ReasonBook(kept).reasons).toEqual([]);
    },
  );

  it("raises and clears each reason in turn, whatever is found when, over restarts too", () => {
    const look = fc.record({ found: fc.array(anyFinding, { maxLength: 6 }), restart: fc.boolean() });
    fc.assert(
      fc.property(fc.array(look, { maxLength: 30 }), (looks) => {
        const isUp = new Map<string, boolean>();
        let book = new ReasonBook(undefined);
        for (const [now, { found, restart }] of looks.entries()) {
          if (restart) book = new ReasonBook(JSON.parse(JSON.stringify(book.toKeep())));
          const { raised, cleared } = book.update(found, now);
          for (const reason of raised) {
            expect(isUp.get(keyOf(reason)) ?? false).toBe(false);
            isUp.set(keyOf(reason), true);
          }
          for (const reason of cleared) {
            expect(isUp.get(keyOf(reason))).toBe(true);
            isUp.set(keyOf(reason), false);
          }
          const up = [...isUp].filter(([, value]) => value).map(([key]) => key);
          expect(book.reasons.map(keyOf).sort()).toEqual(up.sort());
          expect(new Set(found.map(keyOf))).toEqual(new Set(up));
        }
      }),
    );
  });
});
