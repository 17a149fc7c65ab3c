import { expect, it } from "vitest";
import type { Config } from "../config/schema.js";
import { livenessOf } from "./liveness.js";

const config = { carp: { reconcile: 5_000 } } as Config;

it.each([
  [0, 0, null],
  [150_000, 29_000, null],
  [156_000, 0, "The role of this node has not been looked at for 156 s: the agent hangs."],
  [0, 31_000, "The health of this node has not been looked at for 31 s: the agent hangs."],
])("says of rounds %i ms ago and looks %i ms ago: %s", (rounds, looks, why) => {
  expect(livenessOf(config, { quietForMs: rounds }, { quietForMs: looks })).toEqual({
    ok: why === null,
    why,
  });
});
