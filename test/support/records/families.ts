/** Makes files whose records refer to each other, and a model of what each policy does with them. */
import fc from 'fast-check';

export interface Member {
  row: number;
  id: string;
  /** The id of another record, of a stored row or of nothing; empty: none. */
  parent: string;
}

/** The ids of the rows that the table holds before the load. */
export const STORED_IDS = ['s0', 's1'];

/** What a record refers to, before the ids are known: a record by its position, or an id. */
type Reference = { record: number } | { id: string };

/**
 * Makes records in any order, some of them in circles and some with an id that an earlier one has. A record that can
 * never be loaded has an id of its own: of equal ids in one chunk either fault may be found first.
 */
export const families: fc.Arbitrary<Member[]> = fc
  .array(
    fc.record({
      name: fc.nat(25),
      isStored: fc.nat(9),
      refers: fc.oneof(
        { weight: 6, arbitrary: fc.nat(1000).map((record): Reference => ({ record })) },
        { weight: 3, arbitrary: fc.constantFrom('', '', 's0', 's1').map((id): Reference => ({ id })) },
        { weight: 1, arbitrary: fc.constant<Reference>({ id: 'nobody' }) },
      ),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((drawn) => {
    const parentOf = ({ refers }: (typeof drawn)[number]) => ('record' in refers ? refers.record % drawn.length : null);
    const isLost = drawn.map(({ refers }) => 'id' in refers && refers.id === 'nobody');
    for (let i = 0; i < drawn.length; i += 1)
      for (const [at, each] of drawn.entries()) {
        const parent = parentOf(each);
        if (parent !== null && isLost[parent]) isLost[at] = true;
      }
    const ids = drawn.map(({ name, isStored }, at) => (isLost[at] ? `lost${at}` : isStored === 0 ? 's0' : `k${name}`));
    return drawn.map((each, at): Member => {
      const parent = parentOf(each);
      return { row: at + 2, id: ids[at]!, parent: parent === null ? (each.refers as { id: string }).id : ids[parent]! };
    });
  });

export interface FamilyResult {
  counts: { processed: number; succeeded: number; failed: number; duplicate: number; updated: number };
  refused: number[];
  /** The table's rows: parent by id. */
  table: Map<string, string>;
}

/** The model reads the file from its start to its end, and looks up references in the whole file. */
export function expectFamilies(policy: 'Skip' | 'Update' | 'Fail', members: readonly Member[]): FamilyResult {
  const table = new Map(STORED_IDS.map((id) => [id, '']));
  const known = new Set([...STORED_IDS, ...members.map(({ id }) => id)]);
  const refused = new Set<Member>();
  for (let before = -1; before < refused.size; ) {
    before = refused.size;
    for (const member of members)
      if (member.parent !== '' && !known.has(member.parent) && !refused.has(member)) {
        refused.add(member);
        known.delete(member.id);
      }
  }
  const holders = new Set<string>();
  let lost = 0;
  let updated = 0;
  for (const member of members) {
    const { id, parent } = member;
    if (refused.has(member)) continue;
    if (policy === 'Update' || !table.has(id)) {
      if (holders.has(id)) lost += 1;
      else if (table.has(id)) updated += 1;
      holders.add(id);
      table.set(id, parent);
    } else lost += 1;
  }
  const asFailed = policy === 'Fail' ? lost : 0;
  return {
    counts: {
      processed: members.length,
      succeeded: members.length - refused.size - lost,
      failed: refused.size + asFailed,
      duplicate: lost - asFailed,
      updated,
    },
    refused: [...refused].map(({ row }) => row),
    table,
  };
}
