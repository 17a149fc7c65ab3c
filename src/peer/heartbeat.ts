/** What a heartbeat needs from outside. */
export interface HeartbeatOptions {
  /** Asks the other side once; resolves with its answer. A rejection counts as silence. */
  readonly ping: () => Promise<void>;
  readonly everyMs: number;
  /** So many beats in a row without an answer in between mean that nobody is there. */
  readonly silentBeats: number;
  readonly onSilence: () => void;
}

/**
 * Asks every `everyMs` and calls `onSilence` once when nothing was heard for `silentBeats` beats. It counts beats
 * and not time, and each beat is set after the one before: when this process itself was stopped or busy for
 * seconds, that is one beat, and the answers that wait in the socket are read before the next.
 */
export function startHeartbeat({ ping, everyMs, silentBeats, onSilence }: HeartbeatOptions): {
  stop(): void;
} {
  let silent = 0;
  let asked = false;
  let timer = setTimeout(beat, everyMs);

  function beat(): void {
    silent += 1;
    if (asked && silent >= silentBeats) {
      onSilence();
      return;
    }
    timer = setTimeout(beat, everyMs);
    if (asked) return;
    asked = true;
    ping().then(
      () => {
        asked = false;
        silent = 0;
      },
      () => {},
    );
  }

  return { stop: () => clearTimeout(timer) };
}
