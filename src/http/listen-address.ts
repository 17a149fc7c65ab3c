import { lookup } from "node:dns/promises";
import { KnownError, sentenceOf } from "../platform/errors.js";

/** Where to listen: `host` as configured, `address` as it resolves. */
export interface ListenAddress {
  readonly host: string;
  readonly address: string;
  readonly port: number;
}

/** Reads `[http] listen`, such as `127.0.0.1:9632` or `[::1]:9632`; a name is resolved to the first of its addresses. */
export async function readListenAddress(listen: string): Promise<ListenAddress> {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(listen);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port > 65_535) throw cannotListen(listen, "it is no address and port");
  try {
    const { address } = await lookup(host, { verbatim: true });
    return { host, address, port };
  } catch (error) {
    throw cannotListen(listen, sentenceOf(error), error);
  }
}

/** The error of a status page that is not there. The agent runs without it and tries again. */
export function cannotListen(listen: string, why: string, cause?: unknown): KnownError {
  return new KnownError("not-done", `The status page cannot listen on ${listen}: ${why}.`, { listen }, cause);
}
