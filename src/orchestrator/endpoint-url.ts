import { KnownError } from "../platform/errors.js";

/**
 * An endpoint in the one way that we write it: lower case, no default port, no slash at its end. Undefined for what is no
 * http or https URL, or has a user, a query or a fragment: a password in a URL would end up in logs.
 */
export function normalizeEndpoint(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:") return undefined;
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "") return undefined;
  return `${url.origin}${url.pathname.replace(/\/+$/, "")}`;
}

/** The configured endpoints, normalised, each once. `config-invalid` for one that cannot be used. */
export function normalizeEndpoints(endpoints: readonly string[]): readonly string[] {
  const urls = endpoints.map((endpoint, index) => {
    const url = normalizeEndpoint(endpoint);
    // The text itself is not shown: it may hold a password, which is one cause of being here.
    if (url !== undefined) return url;
    throw new KnownError(
      "config-invalid",
      `[orchestrator] endpoints: number ${index + 1} is no URL such as http://host:3000, without user or query.`,
    );
  });
  return [...new Set(urls)];
}

/**
 * Where a node is that another one, `teller`, named as leader. Orchestrator makes LeaderURI of address and port alone
 * (go/raft/raft.go, computeLeaderURI), so that a prefix is taken from whoever told. Undefined for what is no such URL.
 */
export function leaderEndpoint(leaderUri: string, teller: string): string | undefined {
  const url = normalizeEndpoint(leaderUri);
  if (url === undefined || new URL(url).pathname !== "/") return url;
  return normalizeEndpoint(`${url}${new URL(teller).pathname}`);
}
