import { connect } from "node:net";
import { systemCode } from "./errors.js";

/**
 * True if a host answers at all at one of its ports within `ms` milliseconds: it takes the connection, or refuses it
 * with RST. A host whose programs all hang still does both, for its kernel does. Never rejects.
 */
export function answersTcp({ host, port }: { host: string; port: number }, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const tell = (answers: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answers);
    };
    // Its own timer: `setTimeout` of a socket does not count the time that a name takes to resolve.
    const timer = setTimeout(() => tell(false), ms);
    socket.once("connect", () => tell(true));
    socket.once("error", (error) => tell(systemCode(error) === "ECONNREFUSED"));
  });
}
