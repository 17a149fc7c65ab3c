import { expect, test } from "vitest";
import { KnownError } from "../platform/errors.js";
import { createQuestions } from "./questions.js";

const empty = { header: { id: 1, ok: true }, body: Buffer.alloc(0) };

test("a role is told with the epoch that goes with it", async () => {
  const asked: unknown[] = [];
  const { announce } = createQuestions("b", async (...question) => {
    asked.push(question);
    return empty;
  });

  expect(await announce({ role: "MASTER", leads: 7 }, 200)).toBe(true);
  expect(asked).toEqual([["announce", { role: "MASTER", leads: 7 }, 200]]);
});

test("a peer that does not know the question is not told, and that is no error", async () => {
  const { announce } = createQuestions("b", async () => {
    throw new KnownError("peer-refused", 'There is no operation "announce" here.', { cause: "not-asked-so" });
  });

  expect(await announce({ role: "BACKUP", leads: null })).toBe(false);
});

test.each([
  new KnownError("peer-unreachable", "Peer b is not connected."),
  new KnownError("peer-refused", "No.", { cause: "failed" }),
])("any other failure is one: %s", async (error) => {
  const { announce, latest } = createQuestions("b", () => {
    throw error;
  });

  await expect(announce({ role: "BACKUP", leads: null })).rejects.toBe(error);
  await expect(latest()).rejects.toBe(error);
});
