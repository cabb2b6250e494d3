import { isIPv6 as isIPv6ByNode } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isIPv6 } from '#runner/processor/ip-address.ts';

test('addresses and what looks like them, as Node says', () => {
  const group = fc.oneof(
    fc.constantFrom(
      '0',
      'ffff',
      'Ab1',
      '',
      '00000',
      'g',
      '1.2.3.4',
      '256.1.1.1',
      '01.2.3.4',
      '1.2.3',
      '1.2.3.4.5',
      ' ',
    ),
    fc.nat(0xffff).map((value) => value.toString(16)),
    fc.ipV4(),
  );
  const separators = fc.constantFrom(':', ':', ':', ':', '::', ':::', '.');
  const lookalike = fc
    .array(fc.tuple(group, separators), { maxLength: 9 })
    .chain((parts) => fc.constantFrom('', '::', parts.at(0)?.[0] ?? '1').map((end) => parts.flat().join('') + end));
  fc.assert(
    fc.property(fc.oneof(fc.ipV6(), lookalike), (text) => {
      expect(isIPv6(text), text).toBe(isIPv6ByNode(text) && !text.includes('%'));
    }),
    { numRuns: 3000 },
  );
});

test.each([
  ['::', true],
  ['1::', true],
  ['1:2:3:4:5:6:7::', true],
  ['1:2:3:4:5:6:7:8', true],
  ['1:2:3:4:5:6:7:8::', false],
  ['::1.2.3.4', true],
  ['1:2:3:4:5:6:1.2.3.4', true],
  ['1:2:3:4:5:6:7:1.2.3.4', false],
  ['1.2.3.4::', false],
  ['1.2.3.4', false],
  ['ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255', true],
  [':1', false],
  ['1:', false],
  ['', false],
  ['fe80::1%eth0', false],
])('%s', (text, expected) => {
  expect(isIPv6(text)).toBe(expected);
  expect(isIPv6ByNode(text) && !text.includes('%')).toBe(expected);
});
