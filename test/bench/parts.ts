/** The parts of `make bench`. Each part says which contestants run against each other, and with which files. */
import { prepareCost } from './parts/cost.ts';
import { prepareDuplicates, preparePolicies } from './parts/duplicates.ts';
import { prepareHeadline } from './parts/headline.ts';
import { prepareMemory } from './parts/memory.ts';
import type { Part, PartOptions } from './parts/part.ts';
import { prepareRefusals } from './parts/refusals.ts';
import { prepareUploads } from './parts/uploads.ts';
import type { Stage } from './stage.ts';

export const PARTS = [
  'certification',
  'flat',
  'uploads',
  'small-uploads',
  'duplicates',
  'duplicates-policies',
  'refusals',
  'cost',
  'memory',
] as const;
export type PartName = (typeof PARTS)[number];

/** These parts run only where BENCH names them. */
export const OPTIONAL_PARTS: readonly PartName[] = ['duplicates-policies'];

/** Makes the files and everything else that the part needs, so that only the contestants remain to be run. */
export function preparePart(name: PartName, stage: Stage, options: PartOptions): Promise<Part> {
  switch (name) {
    case 'certification':
    case 'flat':
      return prepareHeadline(stage, name, options);
    case 'uploads':
      return prepareUploads(stage, options.records);
    case 'small-uploads':
      return prepareUploads(stage, Math.round(options.records / 10));
    case 'duplicates':
      return prepareDuplicates(stage, options);
    case 'duplicates-policies':
      return preparePolicies(stage, options);
    case 'refusals':
      return prepareRefusals(stage, options);
    case 'cost':
      return prepareCost(stage, options);
    case 'memory':
      return prepareMemory(stage, options);
    default:
      throw new Error(name satisfies never);
  }
}
