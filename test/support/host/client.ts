/**
 * node build/test/support/host/client.js ADDRESS PORT: a client that connects every 10 ms, whatever became of those
 * before, reads the greeting and goes. Says of each attempt a line: when it began and ended (ms since 1970), and `ok`
 * or why not.
 */
import { connect } from "node:net";

const everyMs = 10;
/** A lost packet is sent again after a second: by then many others have tried. */
const deadlineMs = 1_000;
const protocol = 10;

const [address, port] = process.argv.slice(2);
if (address === undefined || port === undefined) {
  throw new Error("usage: client ADDRESS PORT");
}

function now(): number {
  return performance.timeOrigin + performance.now();
}

function attempt(host: string): void {
  const began = now();
  const socket = connect({ host, port: Number(port), noDelay: true });
  let told = false;
  const tell = (what: string): void => {
    socket.destroy();
    if (!told) {
      told = true;
      process.stdout.write(`${began.toFixed(1)} ${now().toFixed(1)} ${what}\n`);
    }
  };
  socket.setTimeout(deadlineMs, () => tell("deadline"));
  // After the length and the number of the packet.
  socket.once("data", (data) => tell(data[4] === protocol ? "ok" : "no-greeting"));
  socket.once("end", () => tell("ended"));
  socket.once("error", (error: NodeJS.ErrnoException) => tell(error.code ?? "error"));
}

setInterval(() => attempt(address), everyMs);
