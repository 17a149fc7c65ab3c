/** A look that several links of the chain share: it is taken once, when it is first asked for. */
export function once<T>(look: () => Promise<T>): () => Promise<T> {
  let taken: Promise<T> | undefined;
  return () => {
    taken ??= look();
    return taken;
  };
}
