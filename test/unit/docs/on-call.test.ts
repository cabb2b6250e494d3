import { expect, it } from 'vitest';
import { readDescribedEntries } from '../../../tools/reference/text.ts';
import { readProjectFile } from './markdown.ts';

/** The states of a condition about which somebody has to do something. */
const STATES = /^(Accepted = False|Degraded = True|Suspended = True|Failed = True)/;

it('the page for people on call has every reason that asks for something, once, and no other one', () => {
  const entries = readDescribedEntries(readProjectFile('api/conditions.ts'), 'REASONS');
  const wanted = entries.filter(({ group }) => STATES.test(group)).map(({ key }) => key);
  const rows = readProjectFile('docs/how-to/on-call.md').matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm);
  const named = [...rows].flatMap(([, cell]) => [...cell!.matchAll(/`(\w+)`/g)].map(([, reason]) => reason!));
  expect(wanted.length).toBeGreaterThan(40);
  expect(named.sort()).toEqual(wanted.sort());
});
