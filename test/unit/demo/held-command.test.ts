import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { eventually } from '#support/process/eventually.ts';
import { startHeld } from '../../demo/held-command.ts';

function record(): { out: Writable; text: () => string } {
  let text = '';
  const out = new Writable({
    write(piece, _encoding, done) {
      text += piece;
      done();
    },
  });
  return { out, text: () => text };
}

describe('startHeld', () => {
  it('prints nothing before it is asked to, then what was written and what follows, in the order of writing', async () => {
    const { out, text } = record();
    const held = startHeld('{ echo one; echo two >&2; echo three; sleep 0.3; echo four; }', out);
    await eventually('three lines', () => held.outputSoFar().includes('three'));
    expect(text()).toBe('');
    await held.show();
    expect(text()).toBe('one\ntwo\nthree\nfour\n');
  });

  it('says the exit code of a command that failed while nobody looked', async () => {
    const { out, text } = record();
    const held = startHeld('{ echo why; exit 3; }', out);
    await eventually('a line', () => held.outputSoFar() === 'why\n');
    expect(await held.show()).toBe(3);
    expect(text()).toBe('why\n');
  });
});
