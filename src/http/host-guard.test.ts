import { describe, expect, it } from "vitest";
import { isLoopback, mayServe } from "./host-guard.js";

const loopback = { host: "127.0.0.1", address: "127.0.0.1" };

describe("on loopback", () => {
  it.each([
    undefined,
    "localhost",
    "LocalHost:9632",
    "127.0.0.1",
    "127.0.0.1:1",
    "127.9.9.9:80",
    "[::1]:9632",
    "[::ffff:127.0.0.1]",
  ])("serves %s", (host) => expect(mayServe(host, loopback)).toBe(true));

  it.each([
    "",
    "evil.example",
    "evil.example:9632",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "192.0.2.1:9632",
    "[2001:db8::1]:9632",
    "localhost:9632@evil.example",
    "localhost, evil.example",
    "127.0.0.1:9632:1",
    "[::1",
  ])("does not serve %j", (host) => expect(mayServe(host, loopback)).toBe(false));

  it("serves the name that it was told to listen on", () => {
    expect(mayServe("Status.example:9632", { host: "status.example", address: "127.0.0.1" })).toBe(true);
  });
});

it("serves every name elsewhere", () => {
  expect(mayServe("status.example", { host: "192.0.2.11", address: "192.0.2.11" })).toBe(true);
});

it.each([
  ["127.0.0.1", true],
  ["127.255.0.3", true],
  ["::1", true],
  ["::ffff:127.0.0.1", true],
  ["128.0.0.1", false],
  ["::2", false],
  ["0.0.0.0", false],
  ["localhost", false],
])("knows whether %s is loopback", (address, answer) => expect(isLoopback(address)).toBe(answer));
