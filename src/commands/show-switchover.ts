import { Listr, type ListrTask } from "listr2";
import { formatDuration } from "../platform/duration.js";
import { printable } from "../platform/printable.js";
import { isOver, type StepProgress, type SwitchoverDocument } from "../switchover/document.js";
import { isDumb } from "./colour.js";
import { describeStep } from "./format-switchover.js";

/** Shows how a switchover goes while it goes. */
export interface ShowProgress {
  update(document: SwitchoverDocument): void;
  /** Shows a sentence at once, below the step that is under way. */
  say(sentence: string): void;
  /** Nothing more comes, be it over or not. Resolves when everything is on the screen. */
  end(): Promise<void>;
}

/** A list that changes in place on a terminal that can do that; else a line for each step that is over. */
export function showProgress(stream: NodeJS.WriteStream): ShowProgress {
  return stream.isTTY === true && !isDumb() ? liveList() : plainLines(stream);
}

function plainLines(stream: NodeJS.WriteStream): ShowProgress {
  const told = new Set<string>();
  return {
    update({ steps }) {
      for (const step of steps) {
        if (step.state === "waiting" || step.state === "running" || told.has(step.step)) continue;
        told.add(step.step);
        stream.write(`${describeStep(step)}\n`);
      }
    },
    say: sayOnStderr,
    end: async () => {},
  };
}

export function sayOnStderr(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}

/** The list is made when the plan is known: before that there is only the check. */
function liveList(): ShowProgress {
  const listeners = new Set<() => void>();
  let document: SwitchoverDocument | undefined;
  let shown: Promise<unknown> | undefined;
  let underWay: { output: string } | undefined;
  let said: string | undefined;
  let isEnded = false;

  function stepOver(name: string): Promise<StepProgress> {
    return new Promise((resolve) => {
      const look = (): void => {
        const step = document?.steps.find((one) => one.step === name);
        const over = isEnded || (document !== undefined && isOver(document));
        if (step === undefined || (!over && (step.state === "waiting" || step.state === "running"))) return;
        listeners.delete(look);
        resolve(step);
      };
      listeners.add(look);
      look();
    });
  }

  function task({ step, what }: StepProgress): ListrTask {
    return {
      title: printable(what),
      task: async (_, line): Promise<void> => {
        underWay = line;
        if (said !== undefined) line.output = said;
        const { state, ms, detail } = await stepOver(step);
        const took = ms === null ? "" : ` (${formatDuration(ms)})`;
        line.title = `${printable(what)}${took}${detail === null ? "" : `: ${printable(detail)}`}`;
        if (state === "failed") throw new Error(line.title);
        if (state !== "done")
          line.skip(`${printable(what)}: ${state === "running" ? "how it ended is not known" : "not begun"}`);
      },
    };
  }

  return {
    update(next) {
      document = next;
      if (shown === undefined && (next.steps.length > 1 || isOver(next))) {
        shown = new Listr(next.steps.map(task), {
          exitOnError: false,
          registerSignalListeners: false,
          rendererOptions: { collapseErrors: false, showErrorMessage: false },
        }).run();
      }
      for (const look of [...listeners]) look();
    },
    say(sentence) {
      // While the list is drawn, what is written beside it comes out only at its end.
      if (underWay === undefined) sayOnStderr(sentence);
      else underWay.output = sentence;
      said = sentence;
    },
    end: async () => {
      isEnded = true;
      for (const look of [...listeners]) look();
      await shown;
    },
  };
}
