/** Makes a field of each column. Pure. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import type { ColumnProfile } from './profile-column.ts';
import type { Columns } from './read-columns.ts';
import { looksPersonal, wordsOf } from './words.ts';

type Field = RecordSchemaSpec['fields'][number];

export interface ProposedField {
  field: Field;
  /** What only a person can know; each becomes a comment. */
  guesses: string[];
  profile: ColumnProfile;
}

/** A file without other personal columns has names of things. */
export function proposeFields({ profiles }: Columns): ProposedField[] {
  const personal = profiles.map(({ name }) => looksPersonal(name));
  const hasPersons = personal.includes(true);
  return profiles.map((profile, i) => proposeField(profile, personal[i]! || (hasPersons && isBareName(profile.name))));
}

function isBareName(name: string): boolean {
  return wordsOf(name).join('') === 'name';
}

function proposeField(profile: ColumnProfile, personal: boolean): ProposedField {
  const { shape, notes } = profile.chooseShape();
  const guesses = [...notes];
  const { type, ...rest } = shape;
  const field: Field = { name: profile.name, type, ...rest };
  const isText = type === 'string' && shape.format === undefined;
  const words = [...profile.missingWords];
  if (words.length > 0) {
    if (!isText) field.missingValues = words.map(([word]) => word);
    else
      guesses.push(
        ...words.map(
          ([word, times]) =>
            `${word} occurs ${times} times; add missingValues: [${JSON.stringify(word)}] if it means no value`,
        ),
      );
  }
  const missing = profile.blank + (isText ? 0 : words.reduce((sum, [, times]) => sum + times, 0));
  const constraints: Field['constraints'] = {};
  if (missing === 0 && profile.present + words.length > 0) constraints.required = true;
  const sensitive = personal || shape.format === 'email';
  const values = isText && !sensitive ? findEnum(profile) : null;
  if (values) {
    constraints.enum = values;
    guesses.push(enumGuess(values));
  }
  if (Object.keys(constraints).length > 0) field.constraints = constraints;
  if (sensitive) {
    field.sensitive = true;
    guesses.push('looks personal');
  }
  return { field, guesses, profile };
}

function enumGuess(values: readonly string[]): string {
  return `these ${values.length} values only`;
}

/** Takes the list of allowed values away, and the comment about the list. */
export function dropEnum({ field, guesses }: ProposedField): void {
  const { enum: values, ...constraints } = field.constraints ?? {};
  if (!values) return;
  guesses.splice(guesses.indexOf(enumGuess(values)), 1);
  field.constraints = constraints;
}

const LEAST_RECORDS = 100;
const MOST_VALUES = 12;
const LEAST_TIMES = 5;
const LONGEST_VALUE = 40;

/** Few values that come again and again; with fewer occurrences the next file would bring one more. */
function findEnum({ isListed, values, missingWords, present, longest }: ColumnProfile): string[] | null {
  if (!isListed || present < LEAST_RECORDS || longest > LONGEST_VALUE) return null;
  if (values.size < 2 || values.size > MOST_VALUES) return null;
  if ([...values.values()].some((times) => times < LEAST_TIMES)) return null;
  return [...values.keys(), ...missingWords.keys()].sort();
}
