import { execFileSync } from "node:child_process";
import { join } from "node:path";

/** A certificate authority and a certificate of it for 127.0.0.1, made by openssl: PEM files in `dir`. */
export function makeCertificates(dir: string): { ca: string; cert: string; key: string } {
  const at = (name: string): string => join(dir, name);
  const openssl = (...args: string[]): void => {
    execFileSync("openssl", args, { stdio: "pipe" });
  };
  const fresh = ["-newkey", "rsa:2048", "-nodes", "-days", "2", "-x509"];
  const ca = ["-subj", "/CN=Test CA", "-keyout", at("ca.key"), "-out", at("ca.pem")];
  openssl("req", ...fresh, ...ca, "-addext", "keyUsage=critical,keyCertSign");
  const leaf = ["-subj", "/CN=orchestrator", "-keyout", at("node.key"), "-out", at("node.pem")];
  const names = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:FALSE"];
  openssl("req", ...fresh, ...leaf, ...names, "-CA", at("ca.pem"), "-CAkey", at("ca.key"));
  return { ca: at("ca.pem"), cert: at("node.pem"), key: at("node.key") };
}
