import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/**
 * The network between one node and its peer's SSH port. Cut, it is as a host without power: what is connected hears
 * nothing any more, and who connects is neither refused nor answered.
 */
export interface Cable {
  readonly port: number;
  /** Bytes carried so far, both ways. */
  readonly bytes: number;
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** A cable to `target`, a port on loopback. */
export async function layCable(target: number): Promise<Cable> {
  const ends = new Set<Socket>();
  let isCut = false;
  let bytes = 0;

  function keep(socket: Socket): void {
    ends.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => ends.delete(socket));
    if (isCut) socket.pause();
  }

  const server = createServer((near) => {
    keep(near);
    if (isCut) return;
    const far = connect({ host: "127.0.0.1", port: target });
    keep(far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.setNoDelay(true);
      from.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
        to.write(chunk);
      });
      from.on("close", () => {
        if (!isCut) to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));

  function drop(): void {
    for (const end of ends) end.destroy();
  }

  return {
    port: (server.address() as AddressInfo).port,
    get bytes() {
      return bytes;
    },
    cut() {
      isCut = true;
      for (const end of ends) end.pause();
    },
    mend() {
      isCut = false;
      drop();
    },
    close: () => {
      drop();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
