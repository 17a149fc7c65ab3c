import { expect, it, vi } from "vitest";
import { KnownError } from "../platform/errors.js";
import { type Check, inOrder, type Line, runChain } from "./run.js";
import { failing, notChecked, ok, type Verdict, warning } from "./verdict.js";

function check(name: string, run: () => Promise<Verdict>, more: Partial<Check> = {}): Check {
  return { name, about: null, title: name.toUpperCase(), needs: [], ms: 1_000, run, ...more };
}

const never = (): Promise<Verdict> => new Promise(() => {});

async function states(checks: readonly Check[]): Promise<string[]> {
  return (await Promise.all(runChain(checks))).map(({ check: name, state }) => `${name} ${state}`);
}

it("looks at a link only if what it needs is well enough, and names the first cause otherwise", async () => {
  const run = vi.fn(async () => ok("fine"));
  const lines = await Promise.all(
    runChain([
      check("a", async () => failing("broken", "mend it")),
      check("b", run, { needs: ["a"] }),
      check("c", run, { needs: ["b"] }),
      check("d", async () => warning("hm", "see")),
      check("e", async () => ok("fine"), { needs: ["d"] }),
      check("f", async () => notChecked("not here")),
      check("g", run, { needs: ["f"] }),
    ]),
  );

  expect(lines.map(({ state }) => state)).toEqual([
    "failing",
    "not-checked",
    "not-checked",
    "warning",
    "ok",
    "not-checked",
    "not-checked",
  ]);
  expect(lines.map(({ blockedBy }) => blockedBy)).toEqual([null, "A", "A", null, null, null, "F"]);
  expect(run).not.toHaveBeenCalled();
});

it("needs the line of the same peer", async () => {
  const of = (about: string, more: Partial<Check>): Partial<Check> => ({ about, ...more });
  const chain = [
    check("port", async () => ok("accepts"), of("b", {})),
    check("port", async () => failing("refused", "start it"), of("c", {})),
    check("login", async () => ok("in"), of("b", { needs: ["port b"] })),
    check("login", async () => ok("in"), of("c", { needs: ["port c"] })),
  ];

  expect(await states(chain)).toEqual(["port ok", "port failing", "login ok", "login not-checked"]);
});

it("fails what hangs when its time is over, and nothing else", async () => {
  const [hanging, well] = await Promise.all(
    runChain([check("a", never, { ms: 30, late: "look there" }), check("b", async () => ok("fine"))]),
  );

  expect(hanging).toMatchObject({
    state: "failing",
    sentence: "A: no answer within 30 ms.",
    todo: "look there",
  });
  expect(well?.state).toBe("ok");
});

it("tells an error that it knows by its sentence and hint, and any other as a mistake of its own", async () => {
  const [known, unknown] = await Promise.all(
    runChain([
      check("a", () => Promise.reject(new KnownError("peer-unreachable", "It is away."))),
      check("b", () => Promise.reject(new TypeError("x is not a function"))),
    ]),
  );

  expect(known).toMatchObject({ state: "failing", sentence: "It is away.", unreachable: true });
  expect(known?.todo).toMatch(/sshd listen/);
  expect(unknown).toMatchObject({ state: "failing", unreachable: false });
  expect(unknown?.todo).toMatch(/bug/);
});

/** A line that can be let go. */
function line(name: string): { promise: Promise<Line>; settle: () => void } {
  let settle = (): void => {};
  const promise = new Promise<Line>((resolve) => {
    const told = { check: name, about: null, title: name, ms: 0, blockedBy: null, ...ok("") };
    settle = () => resolve(told);
  });
  return { promise, settle };
}

it("tells lines in their order, but waits for none that is late", async () => {
  const [a, b, c, d] = [line("a"), line("b"), line("c"), line("d")];
  const told: string[] = [];
  const all = (async () => {
    for await (const { check: name } of inOrder([a.promise, b.promise, c.promise, d.promise], 40))
      told.push(name);
  })();

  b.settle();
  a.settle();
  await expect.poll(() => told).toEqual(["a", "b"]);
  // c is late, so d is told before it.
  d.settle();
  await expect.poll(() => told).toEqual(["a", "b", "d"]);
  c.settle();
  await all;
  expect(told).toEqual(["a", "b", "d", "c"]);
});

it("keeps the order of what comes in time", async () => {
  const [a, b, c] = [line("a"), line("b"), line("c")];
  const told: string[] = [];
  const all = (async () => {
    for await (const { check: name } of inOrder([a.promise, b.promise, c.promise], 60_000)) told.push(name);
  })();

  c.settle();
  b.settle();
  await Promise.all([b.promise, c.promise]);
  a.settle();
  await all;
  expect(told).toEqual(["a", "b", "c"]);
});
