/** The faults of records. A message names the field and what is allowed, never the value. */
import type { RecordFault } from './record-fault.ts';

export const CODES = {
  /** A required field is missing; a blank field counts as missing. */
  required: 'VAL_001',
  /** The value is not a date that exists. */
  date: 'VAL_002',
  /** The value is not an email address by the rule of the HTML living standard. */
  email: 'VAL_003',
  /** The value is not one of the allowed values. */
  enum: 'VAL_004',
  /** The value is not a whole number. */
  integer: 'VAL_005',
  /** The value is not of the field's type, or an expression cannot be computed from the record. */
  type: 'VAL_006',
  /** The value does not match the field's pattern. */
  pattern: 'VAL_007',
  /** The value has too few or too many characters. */
  length: 'VAL_008',
  /** The value is too small or too large. */
  range: 'VAL_009',
  /** The record has another number of fields than the header; in NDJSON, an unknown key or a field twice. */
  fieldCount: 'VAL_010',
  /** The record has bytes that are not text in the file's encoding, or a NUL character. */
  text: 'VAL_011',
  /** A quote stands where none may stand; in NDJSON, the line is not one JSON object. */
  quoting: 'VAL_012',
  /** An expression over this record would take more steps than one evaluation may. */
  steps: 'VAL_013',
} as const;

/**
 * The record's code is that of its first fault. Our own codes come first, in the order of their numbers, then the schema's
 * codes. Faults with equal codes, and those with codes of the schema, stay in the order of the fields.
 */
export function sortFaults(faults: RecordFault[]): RecordFault[] {
  return faults.length < 2 ? faults : faults.sort((a, b) => compareCodes(a.code, b.code));
}

function compareCodes(a: string, b: string): number {
  const own = Number(!OWN_CODES.has(a)) - Number(!OWN_CODES.has(b));
  return own || (a === b || !OWN_CODES.has(a) ? 0 : a < b ? -1 : 1);
}

const OWN_CODES: ReadonlySet<string> = new Set(Object.values(CODES));

export function fieldCountFault(expected: number, found: number): RecordFault {
  return {
    code: CODES.fieldCount,
    field: null,
    message: `The record has ${found} fields, the header has ${expected}`,
  };
}

export const QUOTING_FAULT: RecordFault = {
  code: CODES.quoting,
  field: null,
  message: 'A quote stands where none may: a field with a quote inside is quoted as a whole and the quote is doubled',
};

/** A malformed line of NDJSON has the same code as a stray quote. */
export const JSON_FAULT: RecordFault = {
  code: CODES.quoting,
  field: null,
  message: 'The line is not one JSON object',
};

/** The fault of a record that is not text and whose fields cannot be found. */
export const TEXT_FAULT: RecordFault = {
  code: CODES.text,
  field: null,
  message: "The record holds bytes that are not text in the file's encoding, or a NUL character",
};

export function fieldTextFault(field: string): RecordFault {
  return {
    code: CODES.text,
    field,
    message: `${field} holds bytes that are not text in the file's encoding, or a NUL character`,
  };
}

/** @param what names the expression, as in `The rule BIZ_001` */
export function stepsFault(what: string): RecordFault {
  return {
    code: CODES.steps,
    field: null,
    message: `${what} takes too many steps for this record: a value is too long for it, or the expression multiplies values`,
  };
}

/** The code of a record that PostgreSQL refused or would refuse. */
export const REFUSED_CODE = 'DB_001';

/** @param column the column of the target. The message is that of PostgreSQL's own refusal. */
export function outOfRangeFault(column: string): RecordFault {
  return {
    code: REFUSED_CODE,
    field: null,
    message: `PostgreSQL refused this record: a number is out of range (22003), column ${column}`,
  };
}

/** @param lost says which column has no room for which part of the value */
export function valueAlteredFault(lost: string): RecordFault {
  return {
    code: REFUSED_CODE,
    field: null,
    message: `PostgreSQL would alter a value of this record: ${lost}. Correct the value, or give the column a type that keeps it`,
  };
}
