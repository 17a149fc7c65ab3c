import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { startHeartbeat } from "./heartbeat.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function beating(ping: () => Promise<void>) {
  const onSilence = vi.fn();
  const heart = startHeartbeat({ ping, everyMs: 500, silentBeats: 3, onSilence });
  return { heart, onSilence };
}

test("a side that answers is never silent", async () => {
  const ping = vi.fn(() => Promise.resolve());
  const { heart, onSilence } = beating(ping);
  await vi.advanceTimersByTimeAsync(60_000);
  heart.stop();

  expect(onSilence).not.toHaveBeenCalled();
  expect(ping.mock.calls.length).toBeGreaterThan(100);
});

test.each([
  ["mute", () => new Promise<void>(() => {})],
  ["failing", () => Promise.reject(new Error("gone"))],
])("a %s side is silent after three beats, told once", async (_, answer) => {
  let ok = true;
  const { onSilence } = beating(() => (ok ? Promise.resolve() : answer()));
  await vi.advanceTimersByTimeAsync(5_000);
  ok = false;
  await vi.advanceTimersByTimeAsync(1_400);
  expect(onSilence).not.toHaveBeenCalled();

  await vi.advanceTimersByTimeAsync(200);
  expect(onSilence).toHaveBeenCalledTimes(1);
  await vi.advanceTimersByTimeAsync(10_000);
  expect(onSilence).toHaveBeenCalledTimes(1);
});

test("a side that answers late, but within the bound, is not silent", async () => {
  const { heart, onSilence } = beating(() => new Promise((resolve) => setTimeout(resolve, 700)));
  await vi.advanceTimersByTimeAsync(60_000);
  heart.stop();

  expect(onSilence).not.toHaveBeenCalled();
});

test("a stopped heartbeat is quiet", async () => {
  const { heart, onSilence } = beating(() => new Promise(() => {}));
  heart.stop();
  await vi.advanceTimersByTimeAsync(10_000);

  expect(onSilence).not.toHaveBeenCalled();
});

test("time in which this process itself did nothing is not the other side's silence", async () => {
  vi.useRealTimers();
  const onSilence = vi.fn();
  // The answer waits in the event loop, as in a socket, while the loop is blocked.
  const ping = () => new Promise<void>((resolve) => setTimeout(resolve, 5));
  const heart = startHeartbeat({ ping, everyMs: 20, silentBeats: 3, onSilence });
  for (let turn = 0; turn < 4; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, 30));
    const end = performance.now() + 150;
    while (performance.now() < end);
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
  heart.stop();

  expect(onSilence).not.toHaveBeenCalled();
});
