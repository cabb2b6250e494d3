import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isUtf8Portable } from '#runner/csv/utf8.ts';

test('every two bytes, and every first byte with limits of the second and third, as Node says', () => {
  const limits = [0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff];
  for (let first = 0; first < 256; first += 1) {
    for (let second = 0; second < 256; second += 1) expectSame(Uint8Array.of(first, second));
    for (const second of limits)
      for (const third of limits)
        for (const fourth of [0x41, 0x80, 0xbf, 0xc2]) expectSame(Uint8Array.of(first, second, third, fourth));
  }
});

test('texts, also cut and with wrong bytes, as Node says', () => {
  const part = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    fc.uint8Array({ maxLength: 3 }),
  );
  fc.assert(
    fc.property(fc.array(part, { maxLength: 4 }), fc.nat(3), (parts, cut) => {
      const bytes = Buffer.concat(parts);
      expectSame(bytes.subarray(0, Math.max(0, bytes.length - cut)));
    }),
  );
});

function expectSame(bytes: Uint8Array): void {
  if (isUtf8Portable(bytes) !== isUtf8(bytes)) expect.fail(`differs for ${Buffer.from(bytes).toString('hex')}`);
}
