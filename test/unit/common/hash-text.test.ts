import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hashText } from '#common/hash-text.ts';

it('never changes, because Jobs carry it', () => {
  expect(hashText('{"nodeSelector":{"pool":"batch"}}')).toBe('5797edfbcd4286215afc699d36fd002c');
});

it('differs between texts', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      fc.pre(a !== b);
      expect(hashText(a)).not.toBe(hashText(b));
      expect(hashText(a)).toMatch(/^[0-9a-f]{32}$/);
    }),
  );
});
