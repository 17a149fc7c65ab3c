/** Catches signals from its making on and hands them out one by one, each kind once however often it came meanwhile. */
export class SignalQueue {
  readonly #signals: readonly NodeJS.Signals[];
  readonly #caught: NodeJS.Signals[] = [];
  #waiting: ((signal: NodeJS.Signals) => void) | undefined;

  constructor(signals: readonly NodeJS.Signals[]) {
    this.#signals = signals;
    for (const signal of signals) process.on(signal, this.#catch);
  }

  /** The oldest signal not yet handed out, as soon as there is one. */
  next(): Promise<NodeJS.Signals> {
    const signal = this.#caught.shift();
    if (signal !== undefined) return Promise.resolve(signal);
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** Signals have their usual effect again. */
  close(): void {
    for (const signal of this.#signals) process.removeListener(signal, this.#catch);
  }

  readonly #catch = (signal: NodeJS.Signals): void => {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting) waiting(signal);
    else if (!this.#caught.includes(signal)) this.#caught.push(signal);
  };
}
