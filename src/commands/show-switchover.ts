import { Listr, type ListrTask } from "listr2";
import { formatDuration } from "../platform/duration.js";
import { printable } from "../platform/printable.js";
import { isOver, type StepProgress, type SwitchoverDocument } from "../switchover/document.js";
import { isDumb } from "./colour.js";
import { describeStep } from "./format-switchover.js";

/** Shows how a switchover goes while it goes. */
export interface ShowProgress {
  update(document: SwitchoverDocument): void;
  /** Resolves when everything is on the screen. */
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
    end: async () => {},
  };
}

/** The list is made when the plan is known: before that there is only the check. */
function liveList(): ShowProgress {
  const listeners = new Set<() => void>();
  let document: SwitchoverDocument | undefined;
  let shown: Promise<unknown> | undefined;

  function stepOver(name: string): Promise<StepProgress> {
    return new Promise((resolve) => {
      const look = (): void => {
        const step = document?.steps.find((one) => one.step === name);
        const over = document !== undefined && isOver(document);
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
        const { state, ms, detail } = await stepOver(step);
        const took = ms === null ? "" : ` (${formatDuration(ms)})`;
        line.title = `${printable(what)}${took}${detail === null ? "" : `: ${printable(detail)}`}`;
        if (state === "failed") throw new Error(line.title);
        if (state !== "done") line.skip(`${printable(what)}: not begun`);
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
    end: async () => {
      await shown;
    },
  };
}
