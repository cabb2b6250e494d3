import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // A unit test takes milliseconds, but on a loaded machine the default limit of 5 s stops tests that would pass.
          // The limit only ends a test that hangs: no test asserts a time.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/support/process/tool-path.ts', 'test/support/process/build-once.ts'],
          // Integration tests wait more than they work: on two cores two files at a time take 5 minutes, one at a time 9.
          maxWorkers: Math.max(2, availableParallelism() - 1),
          // The limits only end a test that hangs, also on a machine that does much else.
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/*.test.ts'],
          // The tests share one cluster, and mostly wait for it.
          maxWorkers: 2,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'e2e-faults',
          include: ['test/e2e/faults/*.test.ts'],
          // These tests stop the operator or the bridge, which the other tests need.
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 900_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
});
