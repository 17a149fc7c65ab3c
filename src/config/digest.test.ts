import { expect, it } from "vitest";
import { configDigest } from "./digest.js";
import { parseConfig } from "./load.js";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8g";
const text = `[node]
name = "a"
[carp]
vhids = ["9@em0"]
[proxysql]
admin_password_file = "/usr/local/etc/admin.password"
[[peer]]
name = "b"
host = "192.0.2.12"
key_file = "/root/id_ed25519"
host_key = "${key}"
`;

it("is the same for the same meaning, and another one for every other", () => {
  const digest = (changed: string): string => configDigest(parseConfig(changed, "file"));

  expect(digest(`# a comment\n${text.replace("vhids", 'settle = "0s"\nvhids')}`)).toBe(digest(text));
  expect(digest(text.replace("vhids", 'settle = "1s"\nvhids'))).not.toBe(digest(text));
  expect(digest(text.replace("192.0.2.12", "192.0.2.13"))).not.toBe(digest(text));
  expect(digest(text)).toMatch(/^[0-9a-f]{64}$/);
});
