import fc from "fast-check";
import { expect, test } from "vitest";
import { backOff } from "./back-off.js";

test("doubles from 250 ms to 15 s", () => {
  expect([1, 2, 3, 6, 7, 8, 1_000].map((failures) => backOff(failures, 1))).toEqual([
    250, 500, 1_000, 8_000, 15_000, 15_000, 15_000,
  ]);
});

test("stays between the half and the whole", () => {
  const property = fc.property(
    fc.nat(2_000),
    fc.double({ min: 0, max: 1, noNaN: true }),
    (failures, random) => {
      const whole = backOff(failures, 1);

      expect(backOff(failures, random)).toBeGreaterThanOrEqual(Math.floor(whole / 2));
      expect(backOff(failures, random)).toBeLessThanOrEqual(whole);
    },
  );
  fc.assert(property);
});
