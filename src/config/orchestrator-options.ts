import type { Config } from "./schema.js";

/** What a client of Orchestrator is made with. */
export function orchestratorOptions({
  endpoints,
  auth,
  timeout,
  user,
  secret_file,
  ca_file,
}: NonNullable<Config["orchestrator"]>): {
  readonly endpoints: readonly string[];
  readonly auth: "none" | "basic" | "token";
  readonly timeoutMs: number;
  readonly user?: string;
  readonly secretFile?: string;
  readonly caFile?: string;
} {
  return {
    endpoints,
    auth,
    timeoutMs: timeout,
    ...(user === undefined ? {} : { user }),
    ...(secret_file === undefined ? {} : { secretFile: secret_file }),
    ...(ca_file === undefined ? {} : { caFile: ca_file }),
  };
}
