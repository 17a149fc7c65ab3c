import { printable } from "../platform/printable.js";
import type { EndpointState } from "./types.js";

const longestDetail = 300;

/** Why an endpoint's word does not count: its state and one sentence about it. Never leaves this folder. */
export class EndpointTrouble extends Error {
  readonly state: EndpointState;

  constructor(state: EndpointState, detail: string, cause?: unknown) {
    super(shown(detail), cause === undefined ? undefined : { cause });
    this.name = "EndpointTrouble";
    this.state = state;
  }
}

/** A text with parts from outside as one short printable line. */
export function shown(text: string): string {
  const line = printable(text);
  return line.length > longestDetail ? `${line.slice(0, longestDetail)}...` : line;
}
