/** The priority of an upload by the PriorityClass of its pods. */
import { expect, it } from 'vitest';
import type { PriorityClass } from '#kube/resource-types.ts';
import { findPriority } from '#operator/controller/queue/priority-policy.ts';

const named = (name: string, value: number, globalDefault?: boolean) =>
  ({ metadata: { name }, value, ...(globalDefault === undefined ? {} : { globalDefault }) }) as PriorityClass;
const high = named('high', 1000);
const low = named('low', -5, false);
const everyday = named('everyday', 50, true);
const other = named('other', 20, true);

it.each<[string, string | undefined, PriorityClass[], number]>([
  ['a class', 'high', [low, high, everyday], 1000],
  ['a class below 0', 'low', [high, low], -5],
  ['a class that is unknown is not the global default', 'none', [high, everyday], 0],
  ['no class, and a global default', undefined, [high, everyday], 50],
  ['an empty name, and a global default', '', [high, everyday], 50],
  ['no class, and two global defaults', undefined, [everyday, other], 20],
  ['no class and no global default', undefined, [high, low], 0],
  ['the classes may not be read', 'high', [], 0],
])('%s', (_what, name, classes, expected) => {
  expect(findPriority(name, classes)).toBe(expected);
});
