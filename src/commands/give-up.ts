import type { Config } from "../config/schema.js";
import { sentenceOf } from "../platform/errors.js";
import { printable } from "../platform/printable.js";
import { askAgent } from "./ask-agent.js";

/** The wish to end a switchover before its time: it may come before the agent has said that it begins. */
export interface GivingUp {
  /** What Ctrl-C and the like do. */
  readonly wish: () => void;
  /** The agent has begun this one. */
  readonly begun: (id: string) => void;
  /** Passes the wish on once more if there is one that the agent has not taken yet. Never rejects. */
  readonly passOn: () => void;
}

/**
 * Passes the wish on to the agent: at once, and again with each `passOn` until the agent has taken it. An agent that is
 * busy at that moment must not go on as if nobody had said anything. `say` shows a sentence to the operator.
 */
export function givingUp(config: Config, say: (sentence: string) => void): GivingUp {
  let id: string | undefined;
  let state: "none" | "wished" | "asking" | "taken" = "none";
  let complained = false;

  function passOn(): void {
    if (state !== "wished" || id === undefined) return;
    state = "asking";
    askAgent(config, { op: "switchover-cancel", id }).then(
      () => {
        state = "taken";
      },
      (error: unknown) => {
        state = "wished";
        if (!complained) say(`The agent could not be told yet: ${printable(sentenceOf(error))}`);
        complained = true;
      },
    );
  }

  return {
    wish: () => {
      say("Giving it up: what was done is undone, unless the role has moved already.");
      state = "wished";
      passOn();
    },
    begun: (begunId) => {
      id = begunId;
      passOn();
    },
    passOn,
  };
}
