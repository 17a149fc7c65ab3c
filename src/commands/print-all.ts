import { once } from "node:events";

/** Writes the pieces to standard output, no faster than they are taken: a large difference is not held a second time. */
export async function printAll(pieces: Iterable<string>): Promise<void> {
  for (const piece of pieces) {
    if (!process.stdout.write(piece)) await once(process.stdout, "drain");
  }
}
