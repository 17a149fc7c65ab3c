import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { monotonic } from "../platform/clock.js";
import { Belief, marginOf } from "./belief.js";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance", "setTimeout", "clearTimeout"] });
});

afterEach(() => {
  vi.useRealTimers();
});

it.each([
  [5_000, 1_000],
  [10_000, 2_000],
  [60_000, 5_000],
])("keeps a part of a ttl of %i ms for stopping: %i ms", (ttl, margin) => {
  expect(marginOf(ttl)).toBe(margin);
});

it("counts from when the question was sent, not from when it was answered", () => {
  const belief = new Belief(10_000);
  const sentAt = monotonic();
  vi.advanceTimersByTime(3_000);
  belief.confirmed(sentAt);
  expect(belief.leftMs).toBe(5_000);
  vi.advanceTimersByTime(4_999);
  expect(belief.holds).toBe(true);
  vi.advanceTimersByTime(1);
  expect(belief.holds).toBe(false);
});

it("believes nothing from an answer that came too late, and is not shortened by one that was overtaken", () => {
  const belief = new Belief(10_000);
  const [early, late] = [monotonic(), monotonic() + 2_000];
  vi.advanceTimersByTime(2_500);
  belief.confirmed(late);
  belief.confirmed(early);
  expect(belief.leftMs).toBe(7_500);
  vi.advanceTimersByTime(20_000);
  belief.confirmed(early);
  expect(belief.holds).toBe(false);
});
