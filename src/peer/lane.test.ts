import { expect, test } from "vitest";
import { KnownError } from "../platform/errors.js";
import { createLane } from "./lane.js";
import type { Session } from "./session.js";

interface Opened {
  readonly session: Session;
  closed: boolean;
}

/** A lane whose sessions do nothing but be there. */
function laneOfStubs() {
  const opened: Opened[] = [];
  const lane = createLane(async () => {
    let settle: (error: KnownError) => void = () => {};
    const ended = new Promise<KnownError>((resolve) => {
      settle = resolve;
    });
    const one: Opened = {
      closed: false,
      session: {
        peer: { node: "b", version: "0" },
        ask: () => Promise.reject(new Error("not asked here")),
        ended,
        close: () => {
          one.closed = true;
          settle(new KnownError("peer-unreachable", "closed"));
        },
      },
    };
    opened.push(one);
    return one.session;
  });
  return { lane, opened };
}

const forever = new Promise<never>(() => {});

test("work takes turns over one session", async () => {
  const { lane, opened } = laneOfStubs();
  const events: string[] = [];
  const piece = (name: string) =>
    lane.run(name, 5_000, async () => {
      events.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      events.push(`${name} ends`);
      return name;
    });

  expect(await Promise.all([piece("1"), piece("2")])).toEqual(["1", "2"]);
  expect(events).toEqual(["1 begins", "1 ends", "2 begins", "2 ends"]);
  expect(opened).toHaveLength(1);
});

test("late work ends its session, and the next gets a new one", async () => {
  const { lane, opened } = laneOfStubs();

  await expect(lane.run("Sending", 20, () => forever)).rejects.toMatchObject({ code: "deadline" });
  expect(opened[0]?.closed).toBe(true);
});

test("what waits too long for its turn neither ends the session nor is begun later", async () => {
  const { lane, opened } = laneOfStubs();
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = lane.run("first", 5_000, () => held);
  let begun = false;
  const second = lane.run("second", 20, async () => {
    begun = true;
  });

  await expect(second).rejects.toMatchObject({ code: "deadline" });
  release();
  await first;
  expect(await lane.run("third", 5_000, async () => "done")).toBe("done");
  expect(begun).toBe(false);
  expect(opened).toHaveLength(1);
  expect(opened[0]?.closed).toBe(false);
});

test("a refusal leaves the session as it is, any other error does not", async () => {
  const { lane, opened } = laneOfStubs();
  const failing = (error: Error) => lane.run("work", 5_000, () => Promise.reject(error)).catch(() => {});

  await failing(new KnownError("peer-refused", "older"));
  expect(opened[0]?.closed).toBe(false);
  await failing(new Error("a file is gone"));
  await lane.run("work", 5_000, async () => {});
  expect(opened).toHaveLength(2);
  expect(opened[0]?.closed).toBe(true);
});

test("a session that ended meanwhile is opened anew", async () => {
  const { lane, opened } = laneOfStubs();
  await lane.warm();
  opened[0]?.session.close();
  await opened[0]?.session.ended;
  await lane.run("work", 5_000, async () => {});

  expect(opened).toHaveLength(2);
});
