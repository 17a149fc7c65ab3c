/** Runs tasks strictly one after the other, as ProxySQL's `sql_query_global_mutex` does for all admin sessions. */
export class Mutex {
  #tail: Promise<unknown> = Promise.resolve();

  /** Runs the task once all earlier ones have ended, whether they succeeded or not. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => undefined);
    return result;
  }
}
