import { connect, type Socket } from "node:net";
import { exists } from "../platform/files.js";

/** devd's stream socket; Node cannot open the seqpacket one beside it. */
export const devdPipe = "/var/run/devd.pipe";

const reconnectMs = 5_000;

export interface DevdListener {
  stop(): void;
}

/**
 * Hints on every CARP event that devd passes on, and whenever the connection is made anew (events before were missed).
 * Only a second way for the hint: without devd.pipe (devd off, jail) hook and timer remain, so its absence is no error.
 */
export function listenToDevd(hint: (cause: string) => void, path = devdPipe): DevdListener {
  let socket: Socket | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  async function open(): Promise<void> {
    if (!(await exists(path))) return again();
    if (stopped) return;
    let text = "";
    socket = connect({ path });
    socket.setEncoding("utf8");
    socket.on("connect", () => hint("devd.pipe connected"));
    // A refused or broken connection is followed by `close`, which connects again.
    socket.on("error", () => socket?.destroy());
    socket.on("close", again);
    socket.on("data", (chunk: string) => {
      const lines = (text + chunk).split("\n");
      text = (lines.pop() ?? "").slice(-4_096);
      for (const line of lines) {
        if (/^!system=CARP /.test(line)) hint(`devd.pipe ${line.slice(13, 80)}`);
      }
    });
  }

  function again(): void {
    if (stopped) return;
    timer = setTimeout(() => void open(), reconnectMs);
    timer.unref();
  }

  void open();
  return {
    stop() {
      stopped = true;
      clearTimeout(timer);
      socket?.destroy();
    },
  };
}
