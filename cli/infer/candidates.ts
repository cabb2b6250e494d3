/** The types and formats that a column may have, each with the processor's own test. Pure. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { typeOf } from '#runner/record-processor.ts';

export type Field = RecordSchemaSpec['fields'][number];
/** A candidate says how a field is declared. */
export type FieldShape = Omit<Field, 'name'>;

export interface Candidate {
  shape: FieldShape;
  /** Is the text, which is not blank, a value of the candidate? */
  accepts(text: string): boolean;
  /** Does the text tell the candidate from simpler ones? A candidate needs one such text; absent: every text does. */
  proves?(text: string): boolean;
  /** The candidate is only chosen where the column's name has one of these words; absent: for any name. */
  words?: string[];
}

interface Narrowing {
  accepts?: RegExp;
  refuses?: RegExp;
  proves?: RegExp;
  words?: string[];
}

function candidate(shape: FieldShape, { accepts, refuses, proves, words }: Narrowing = {}): Candidate {
  const type = typeOf({ name: 'x', ...shape }, 'field');
  return {
    shape,
    accepts: (text) =>
      (accepts === undefined || accepts.test(text)) &&
      (refuses === undefined || !refuses.test(text)) &&
      type.read(text) !== undefined,
    ...(proves ? { proves: (text: string) => proves.test(text) } : {}),
    ...(words ? { words } : {}),
  };
}

/** Leading zeros and plus signs stay as they are in text alone; a bigint has room for 18 digits of any value. */
const CODE_LIKE = /^[+-]?0[0-9]|^\+|^[+-]?[0-9]{19}/;
const numberShape = (more: Partial<FieldShape> = {}): FieldShape => ({ type: 'number', ...more });

/** Candidates stand in the order of preference: the first one that accepts all values is chosen. */
const NUMBERS: Candidate[] = [
  candidate({ type: 'year' }, { accepts: /^[12][0-9]{3}$/, words: ['year', 'yr', 'jahr', 'annee', 'anno'] }),
  candidate(
    { type: 'date', format: '%Y%m%d' },
    { accepts: /^(?:1[89]|2[01])[0-9]{6}$/, words: ['date', 'day', 'datum', 'dt', 'birth', 'dob'] },
  ),
  candidate({ type: 'integer' }, { refuses: CODE_LIKE }),
  candidate(numberShape(), { refuses: CODE_LIKE }),
  candidate({ type: 'integer', groupChar: ',' }, { refuses: CODE_LIKE, proves: /,[0-9]{3},/ }),
  candidate(numberShape({ groupChar: ',' }), { refuses: CODE_LIKE, proves: /,[0-9]{3}[.,]/ }),
  candidate(numberShape({ decimalChar: ',' }), { refuses: CODE_LIKE, proves: /,(?:[0-9]{1,2}|[0-9]{4,})$/ }),
  candidate(numberShape({ decimalChar: ',', groupChar: '.' }), { refuses: CODE_LIKE, proves: /\.[0-9]{3}[,.]/ }),
  candidate(numberShape({ groupChar: ' ', decimalChar: ',' }), { refuses: CODE_LIKE, proves: / [0-9]{3},/ }),
  candidate(numberShape({ bareNumber: false }), {
    accepts: /^[+-]?(?:[$€£¥] ?[0-9.]+|[0-9.]+ ?[%€])$/,
    refuses: CODE_LIKE,
  }),
  candidate(numberShape({ bareNumber: false, groupChar: ',' }), {
    accepts: /^[+-]?[$€£¥] ?[0-9.,]+$/,
    refuses: CODE_LIKE,
  }),
];

const TEXTS: Candidate[] = [
  candidate({ type: 'boolean' }, { accepts: /^[a-z]/i }),
  candidate({ type: 'string', format: 'uuid' }),
  candidate({ type: 'string', format: 'email' }, { accepts: /@/ }),
  candidate({ type: 'string', format: 'uri' }, { accepts: /^(?:https?|s3|ftp|urn):/ }),
  candidate({ type: 'yearmonth' }),
  candidate({ type: 'duration' }, { accepts: /^P.*[0-9]/ }),
  candidate({ type: 'object' }, { accepts: /^\s*\{/ }),
  candidate({ type: 'array' }, { accepts: /^\s*\[/ }),
];

/** Dates that begin with the year, then the others with the month before the day, which is the order where both orders fit. */
const DATE_FORMATS = [
  '%Y/%m/%d',
  '%Y.%m.%d',
  '%m/%d/%Y',
  '%d/%m/%Y',
  '%d.%m.%Y',
  '%m-%d-%Y',
  '%d-%m-%Y',
  '%m/%d/%y',
  '%d/%m/%y',
  '%d.%m.%y',
  '%d %b %Y',
  '%d-%b-%Y',
  '%d-%b-%y',
  '%b %d %Y',
  '%b %d, %Y',
  '%d. %b %Y',
];
const TIME_FORMATS = ['%H:%M', '%H:%M:%S', '%H:%M:%S.%f', '%I:%M %p', '%I:%M:%S %p'];
const ZONED = [
  '%Y-%m-%dT%H:%M:%S%z',
  '%Y-%m-%dT%H:%M:%S.%f%z',
  '%Y-%m-%dT%H:%M%z',
  '%Y-%m-%d %H:%M:%S%z',
  '%Y-%m-%d %H:%M:%S.%f%z',
];

const MOMENTS: Candidate[] = [
  candidate({ type: 'date' }),
  candidate({ type: 'datetime' }),
  candidate({ type: 'time' }),
  ...DATE_FORMATS.map((format) => candidate({ type: 'date', format })),
  ...ZONED.map((format) => candidate({ type: 'datetime', format })),
  ...['%Y-%m-%d', ...DATE_FORMATS].flatMap((date) =>
    TIME_FORMATS.flatMap((time) => [`${date} ${time}`, `${date}T${time}`]).map((format) =>
      candidate({ type: 'datetime', format }),
    ),
  ),
  ...TIME_FORMATS.map((format) => candidate({ type: 'time', format })),
];

export const CANDIDATES: readonly Candidate[] = [...NUMBERS, ...MOMENTS, ...TEXTS];

/** Texts that mean "no value" in files of many programs. */
export const MISSING_WORDS: ReadonlySet<string> = new Set([
  'NA',
  'N/A',
  'n/a',
  '#N/A',
  'NULL',
  'null',
  'None',
  'NaN',
  'nan',
  '-',
  '--',
  '?',
  '.',
  '\\N',
  '(null)',
]);

/** Pairs of words for true and false beside the processor's own. */
export const BOOLEAN_PAIRS: readonly (readonly [yes: string, no: string])[] = [
  ['yes', 'no'],
  ['y', 'n'],
  ['t', 'f'],
  ['ja', 'nein'],
  ['oui', 'non'],
  ['on', 'off'],
];
