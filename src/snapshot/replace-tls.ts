import { join } from "node:path";
import { exists, type Owner, renameDurably } from "../platform/files.js";
import { tlsNames } from "./content.js";
import { placeBeside, sameFile } from "./place-file.js";

/**
 * Puts a snapshot's TLS files into ProxySQL's data directory where they differ, and returns the names replaced. All three
 * or none: ProxySQL ends at its start with one or two (src/proxy_tls.cpp). A running one is told by `PROXYSQL RELOAD TLS`.
 */
export async function replaceTls(
  unpackedDir: string,
  datadir: string,
  owner: Owner,
): Promise<readonly string[]> {
  const there = await Promise.all(tlsNames.map((name) => exists(join(unpackedDir, name))));
  if (there.includes(false)) return [];
  const ready: { name: string; from: string; to: string }[] = [];
  for (const name of tlsNames) {
    const [source, to] = [join(unpackedDir, name), join(datadir, name)];
    if (await sameFile(source, to)) continue;
    ready.push({ name, from: await placeBeside(source, to, owner), to });
  }
  for (const { from, to } of ready) await renameDurably(from, to);
  return ready.map(({ name }) => name);
}
