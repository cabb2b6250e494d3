import { expect, it } from 'vitest';
import { hasBranchedOff, type Lineage } from '#ledger/connection/lineage.ts';

const before: Lineage = { system: '7', database: '5', timeline: 1 };

it.each([
  ['the same timeline', before, before, false],
  ['a later timeline', before, { ...before, timeline: 2 }, true],
  ['an earlier timeline', { ...before, timeline: 2 }, before, false],
  ['another database', before, { ...before, database: '6', timeline: 2 }, false],
  ['another cluster of databases', before, { ...before, system: '8', timeline: 2 }, false],
  ['the row was never seen', null, { ...before, timeline: 2 }, false],
  ['the server does not say', before, null, false],
] as [string, Lineage | null, Lineage | null, boolean][])('%s', (_what, known, now, expected) => {
  expect(hasBranchedOff(known, now)).toBe(expected);
});
