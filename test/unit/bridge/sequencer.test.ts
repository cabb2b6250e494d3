import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareSequencers, orderBySequencer } from '#operator/bridge/events/sequencer.ts';
import type { ObjectNotice } from '#operator/bridge/model/types.ts';

it('compares as numbers, whatever their length and case', () => {
  const number = fc.bigInt({ min: 0n, max: 2n ** 96n });
  fc.assert(
    fc.property(number, number, fc.nat(8), fc.boolean(), (a, b, zeros, upper) => {
      const left = '0'.repeat(zeros) + a.toString(16);
      const right = upper ? b.toString(16).toUpperCase() : b.toString(16);
      expect(compareSequencers(left, right)).toBe(a < b ? -1 : a > b ? 1 : 0);
    }),
  );
});

it('orders each key by itself, and leaves every key the places that it had', () => {
  const notice = fc.record({
    key: fc.constantFrom('a', 'b', 'c'),
    sequencer: fc.option(fc.nat(300).map((n) => n.toString(16))),
  });
  fc.assert(
    fc.property(fc.array(notice), (sent) => {
      const notices = sent as ObjectNotice[];
      const ordered = orderBySequencer(notices);
      expect(ordered.map(({ key }) => key)).toEqual(notices.map(({ key }) => key));
      for (const [place, { sequencer }] of notices.entries()) {
        if (sequencer === null) expect(ordered[place]).toBe(notices[place]);
      }
      for (const wanted of ['a', 'b', 'c']) {
        const numbers = ordered
          .filter(({ key, sequencer }) => key === wanted && sequencer !== null)
          .map(({ sequencer }) => Number.parseInt(sequencer!, 16));
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      }
    }),
  );
});
