import { defineConfig } from "vitest/config";

/**
 * Machines that run this are shared and slow now and then, and these tests wait for real processes: in CI one that fails
 * is tried once more. Elsewhere the first failure counts, so that a flaky test is seen by whoever writes it.
 */
const retry = process.env.CI === undefined ? 0 : 1;

/** Unit tests stand beside the sources they hold; the other suites live under test/. */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["src/**/*.test.ts", "test/unit/**/*.test.ts"],
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts", "test/fault/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          retry,
        },
      },
      {
        test: {
          name: "system",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          retry,
        },
      },
    ],
  },
});
