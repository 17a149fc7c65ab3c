import { isKnown } from "../platform/errors.js";
import { AdminClient } from "../proxysql/admin-client.js";
import type { Settings } from "./settings.js";

/** What came of a login: `refused` means that the password in its file is not ProxySQL's. */
export interface LoginTry {
  readonly outcome: "accepted" | "refused" | "no answer";
  readonly sentence: string;
}

/**
 * Logs in at ProxySQL's admin with the password's file that the agent is going to use. ProxySQL reads its configuration
 * file only until it has a database: what stands there may be long out of date. Never throws for an answer, or for none.
 */
export async function tryLogin({ proxysql, passwordFile }: Settings): Promise<LoginTry> {
  const { adminHost, adminPort, adminSocket, adminUser } = proxysql;
  const place = adminSocket ?? `${adminHost}:${adminPort}`;
  const admin = new AdminClient({
    ...{ host: adminHost, port: adminPort, user: adminUser, passwordFile },
    ...(adminSocket === null ? {} : { socketPath: adminSocket }),
  });
  try {
    await admin.query("SELECT 1");
    return { outcome: "accepted", sentence: `ProxySQL's admin at ${place} accepts the login.` };
  } catch (error) {
    if (!isKnown(error)) throw error;
    if (error.code !== "proxysql-refused") return { outcome: "no answer", sentence: error.message };
    return { outcome: "refused", sentence: `${error.message} Put the right password into ${passwordFile}.` };
  } finally {
    admin.end();
  }
}
