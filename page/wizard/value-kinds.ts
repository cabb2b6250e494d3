/**
 * Whether sample values of a column look like values of a field. Pure, and no verdict: the check says what is a fault.
 */

/** What of a field says how its values look. */
export interface FieldKind {
  type: string;
  format?: string | undefined;
  constraints?: { enum?: readonly string[] | undefined } | undefined;
}

export type Fit =
  /** Hardly any text looks like this by chance: an email address, one of a few allowed values. */
  'Distinct' | 'Likely' | 'Unknown' | 'Unlikely';

const EMAIL = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
const URI = /^[a-z][a-z0-9+.-]*:\S+$/i;
const UUID = /^\{?[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}\}?$/i;
const NUMBER = /^[-+]?[\d.,'’\s]*\d[\d.,'’\s]*%?$/;
const DATE = /^(\d{4}[-/.]?\d{1,2}[-/.]?\d{1,2}|\d{1,2}[-/. ](\d{1,2}|[a-zäé]{3,9})[-/. ]\d{2,4})/i;
const TIME = /^\d{1,2}:\d{2}/;
const BOOLEAN = /^(true|false|yes|no|y|n|t|f|0|1)$/i;
/** Stray values, such as `n/a`, are no reason against a type. */
const ENOUGH = 0.8;

const BY_TYPE: Record<string, RegExp> = {
  integer: NUMBER,
  number: NUMBER,
  year: /^\d{4}$/,
  boolean: BOOLEAN,
  date: DATE,
  datetime: DATE,
  time: TIME,
};
const BY_FORMAT: Record<string, RegExp> = { email: EMAIL, uri: URI, uuid: UUID };

export function fitOf({ type, format, constraints }: FieldKind, samples: readonly string[]): Fit {
  const values = samples.map((value) => value.trim()).filter((value) => value !== '');
  if (values.length === 0) return 'Unknown';
  const share = (test: (value: string) => boolean) => values.filter(test).length / values.length;
  const allowed = constraints?.enum;
  if (allowed !== undefined) {
    const known = new Set(allowed.map((value) => value.toLowerCase()));
    return share((value) => known.has(value.toLowerCase())) >= ENOUGH ? 'Distinct' : 'Unlikely';
  }
  const distinct = type === 'string' && format !== undefined ? BY_FORMAT[format] : undefined;
  if (distinct) return share((value) => distinct.test(value)) >= ENOUGH ? 'Distinct' : 'Unlikely';
  const likely = BY_TYPE[type];
  if (likely) return share((value) => likely.test(value)) >= ENOUGH ? 'Likely' : 'Unlikely';
  return 'Unknown';
}
