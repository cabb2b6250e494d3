/** The processor time of a server must not lose the time of a session that ends at the moment of the reading. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { readServerSeconds } from '../../bench/cpu.ts';

it('never sees less time than before, while children end', { timeout: 30_000 }, async () => {
  // Each child uses 20 to 40 ms of processor time, and the shell waits for the child.
  const script = 'for i in $(seq 40); do (for j in $(seq 12000); do :; done) & wait; done';
  const server = spawn('bash', ['-c', script], { stdio: 'ignore' });
  const ended = once(server, 'exit');
  const readings: number[] = [];
  while (server.exitCode === null) {
    const seconds = await readServerSeconds(server.pid!).catch(() => null);
    // Linux counts in ticks of 10 ms.
    if (seconds !== null) readings.push(Math.round(seconds * 100));
  }
  await ended;
  expect(readings.length).toBeGreaterThan(50);
  expect(readings).toEqual(readings.toSorted((a, b) => a - b));
});
