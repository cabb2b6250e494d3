import { describe, expect, it } from 'vitest';
import { aborted } from '#common/clock.ts';
import { runTogether } from '#common/run-together.ts';

const steady = { name: 'steady', run: aborted };

describe('parts of a program', () => {
  it('end without an error when the program is stopped', async () => {
    const stop = new AbortController();
    const running = runTogether([steady, { name: 'late', run: aborted }], stop.signal);
    stop.abort(new Error('SIGTERM'));
    await expect(running).resolves.toBeUndefined();
  });

  it('an error at the stop is no failure', async () => {
    const stop = new AbortController();
    const run = async (end: AbortSignal) => {
      await aborted(end);
      throw new Error('cut off');
    };
    const running = runTogether([{ name: 'cut', run }], stop.signal);
    stop.abort();
    await expect(running).resolves.toBeUndefined();
  });

  it.each([
    ['throws', () => Promise.reject(new Error('refused')), { cause: expect.objectContaining({ message: 'refused' }) }],
    ['returns', () => Promise.resolve(), {}],
  ])('one that %s ends the others, and its name is said', async (_how, run, more) => {
    let wasStopped = false;
    const other = async (end: AbortSignal) => {
      await aborted(end);
      wasStopped = true;
    };
    const running = runTogether(
      [
        { name: 'broken', run },
        { name: 'other', run: other },
      ],
      new AbortController().signal,
    );
    await expect(running).rejects.toMatchObject({ message: 'broken has ended', ...more });
    expect(wasStopped).toBe(true);
  });
});
