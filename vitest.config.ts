import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/unit/**/*.test.ts'],
          // Without a number, vitest leaves one of the cores idle.
          maxWorkers: availableParallelism(),
          // Unit tests work on values, so files can share a process and its modules. That takes a third less CPU.
          isolate: false,
          // A unit test takes milliseconds, but on a loaded machine a limit of some seconds stops tests that would pass.
          // The limit only ends a test that hangs: no test asserts a time.
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/integration/**/*.test.ts'],
          globalSetup: ['test/support/process/tool-path.ts', 'test/support/process/build-once.ts'],
          // Integration tests wait for servers and processes about half of their time.
          maxWorkers: 2 * availableParallelism(),
          // The limits only end a test that hangs, also on a machine that does much else.
          testTimeout: 180_000,
          hookTimeout: 180_000,
          // The default of one second is less than the time for which a busy machine may not run a process.
          expect: { poll: { timeout: 20_000 } },
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
