import { expect, it } from "vitest";
import { html } from "./html.js";
import { contentSecurityPolicy, statusPage } from "./page.js";
import { reasonOf, someStatus } from "./test-sources.js";

/** Ends an attribute, opens elements, turns the direction of writing, and clears a terminal. */
const evil = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>\u202e\u001b[2J</title></style>";

/** The same value with every text in it replaced. */
function spoil(value: unknown): unknown {
  if (typeof value === "string") return evil;
  if (Array.isArray(value)) return value.map(spoil);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, spoil(inner)]));
}

const full = {
  ...someStatus,
  peers: someStatus.peers.map((peer) => ({ ...peer, error: "x", pending: "x" })),
  lastReceived: someStatus.lastTaken,
  lastInstalled: someStatus.lastTaken,
  maintenance: { since: "x", note: "x", forcePromotion: false },
  drill: { at: "x", ok: false, ms: 1, why: "x" },
};

it("lets no text from elsewhere become markup", () => {
  const page = statusPage(
    spoil(full) as typeof someStatus,
    spoil([reasonOf("peer-unreachable", { about: "b" })]) as never,
  );
  const tags = [...page.matchAll(/<\/?([a-z0-9]+)/gi)].map((match) => match[1]);

  expect(page).toContain("&quot;&#39;&gt;&lt;script&gt;");
  expect([...new Set(tags)].sort()).toEqual(
    [
      ...["a", "body", "br", "footer", "h1", "h2", "head", "html", "meta", "span", "style", "table", "td"],
      ...["th", "title", "tr"],
    ].sort(),
  );
  expect(page.match(/<style>/g)).toHaveLength(1);
  expect(page).not.toMatch(/[^\P{C}\n]/u);
  expect(page).not.toMatch(/ on\w+=(?![^<>]*&gt;)["']/);
});

it("has the same elements as with harmless texts: none is added, none is cut off", () => {
  const shape = (page: string): string[] =>
    page.match(/<[^>]*>/g)?.map((tag) => tag.split(/[ >]/)[0] ?? "") ?? [];
  const reasons = [reasonOf("peer-unreachable", { about: "b" })];
  expect(shape(statusPage(spoil(full) as typeof someStatus, spoil(reasons) as never))).toEqual(
    shape(statusPage(full, reasons)),
  );
});

it("says what is wrong, what to do, and since when; the critical first", () => {
  const page = statusPage(someStatus, [
    reasonOf("drift", { sentence: "Memory is not on disk.", todo: "SAVE it." }),
    reasonOf("peer-unreachable", { about: "b", since: "2026-11-21T04:00:00.000Z" }),
  ]);
  expect(page).toContain("MASTER, not ready (1 critical)");
  expect(page.indexOf("peer-unreachable (b)")).toBeLessThan(page.indexOf("Memory is not on disk."));
  expect(page).toContain("SAVE it.");
  expect(page).toContain("since 2026-11-21T04:00:00.000Z");
});

it("tells a node in order as such, and one with warnings as ready", () => {
  expect(statusPage(someStatus, [])).toContain("MASTER, ready<");
  expect(statusPage(someStatus, [reasonOf("drift")])).toContain("MASTER, ready, with warnings");
});

it("allows its own style sheet and nothing else", () => {
  expect(contentSecurityPolicy).toMatch(/^default-src 'none'; style-src 'sha256-[A-Za-z0-9+/]{43}='; /);
});

it("inserts numbers, texts and lists", () => {
  expect(html`<b>${1}${"<"}${[html`<i>${"&"}</i>`, html`x`]}</b>`.text).toBe("<b>1&lt;<i>&amp;</i>x</b>");
});
