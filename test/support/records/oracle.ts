/**
 * Computes what a certification file must become, by a second and slow implementation of the rules that shares
 * no code with the job runner: the oracle reads a character at a time, makes plain checks and keeps one Set of keys.
 */

export type ExpectedRecord =
  | { row: number; outcome: 'succeeded'; columns: ExpectedColumns }
  | { row: number; outcome: 'failed'; code: string; codes: string[] }
  | { row: number; outcome: 'duplicate' };

export interface ExpectedColumns {
  member_id: string;
  case_number: string;
  certification_date: string;
  certification_type: string;
  member_data: Record<string, unknown>;
  certification_requirements: Record<string, unknown>;
}

/** Reads the whole file. Its first record is the header, which must be that of the template. */
export function* expectCertifications(file: Buffer): Generator<ExpectedRecord, void, void> {
  const seen = new Set<string>();
  let header: string[] | null = null;
  for (const { row, fields, stray, text } of readRecords(file)) {
    if (!header) {
      header = fields;
      continue;
    }
    const record: Record<string, string> = {};
    for (const [i, name] of header.entries()) record[name] = fields[i] ?? '';
    const codes = faultsOf({ record, count: fields.length, expected: header.length, stray, text });
    if (codes.length > 0) {
      yield { row, outcome: 'failed', code: codes[0]!, codes };
      continue;
    }
    const columns = columnsOf(record);
    const key = JSON.stringify([columns.member_id, columns.case_number, columns.certification_date]);
    if (seen.has(key)) yield { row, outcome: 'duplicate' };
    else yield { row, outcome: 'succeeded', columns };
    seen.add(key);
  }
}

interface RawRecord {
  row: number;
  fields: string[];
  stray: boolean;
  /** Are all bytes UTF-8 without NUL? */
  text: boolean;
}

function* readRecords(file: Buffer): Generator<RawRecord, void, void> {
  const bytes = file.toString('latin1', file.subarray(0, 3).equals(Buffer.from([0xef, 0xbb, 0xbf])) ? 3 : 0);
  let row = 0;
  let at = 0;
  while (at < bytes.length) {
    row += 1;
    const fields: string[] = [];
    let stray = false;
    const start = at;
    for (;;) {
      let field = '';
      if (bytes[at] === '"') {
        at += 1;
        for (;;) {
          if (at >= bytes.length) throw new Error(`row ${row}: a quote is never closed`);
          if (bytes[at] === '"' && bytes[at + 1] === '"') {
            field += '"';
            at += 2;
          } else if (bytes[at] === '"') {
            at += 1;
            break;
          } else {
            field += bytes[at];
            at += 1;
          }
        }
        if (at < bytes.length && !',\r\n'.includes(bytes[at]!)) stray = true;
      }
      while (at < bytes.length && !',\r\n'.includes(bytes[at]!)) {
        if (bytes[at] === '"') stray = true;
        field += bytes[at];
        at += 1;
      }
      fields.push(field);
      if (bytes[at] !== ',') break;
      at += 1;
    }
    const raw = Buffer.from(bytes.slice(start, at), 'latin1');
    if (bytes[at] === '\r') at += 1;
    if (bytes[at] === '\n') at += 1;
    if (raw.length === 0) continue;
    const decoded = fields.map((field) => Buffer.from(field, 'latin1').toString('utf8'));
    const text = Buffer.from(raw.toString('utf8')).equals(raw) && !raw.includes(0);
    yield { row, fields: decoded, stray, text };
  }
}

interface Judged {
  record: Record<string, string>;
  count: number;
  expected: number;
  stray: boolean;
  text: boolean;
}

const REQUIRED = ['member_id', 'case_number', 'member_email', 'certification_date', 'certification_type'];
const INTEGERS = ['lookback_period', 'number_of_months_to_certify', 'due_period_days', 'work_hours'];

function faultsOf({ record, count, expected, stray, text }: Judged): string[] {
  if (stray) return [text ? 'VAL_012' : 'VAL_011'];
  if (count !== expected) return ['VAL_010'];
  if (!text) return ['VAL_011'];
  const blank = (name: string) => record[name]!.trim() === '';
  const codes: string[] = [];
  for (const name of REQUIRED) if (blank(name)) codes.push('VAL_001');
  for (const name of ['certification_date', 'date_of_birth'])
    if (!blank(name) && !isRealDate(record[name]!)) codes.push('VAL_002');
  if (!blank('member_email') && !isEmail(record['member_email']!)) codes.push('VAL_003');
  const type = record['certification_type']!;
  if (!blank('certification_type') && type !== 'new_application' && type !== 'recertification') codes.push('VAL_004');
  for (const name of INTEGERS)
    if (!blank(name) && [...record[name]!].some((char) => char < '0' || char > '9')) codes.push('VAL_005');
  return codes;
}

function isRealDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text.startsWith('0000')) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** Checks an email address by the rule of the HTML living standard, label by label. */
function isEmail(text: string): boolean {
  const at = text.indexOf('@');
  if (at < 1) return false;
  const local = text.slice(0, at);
  if ([...local].some((char) => !/[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]/.test(char))) return false;
  return text
    .slice(at + 1)
    .split('.')
    .every(
      (label) =>
        label.length > 0 &&
        label.length <= 63 &&
        /^[a-zA-Z0-9-]+$/.test(label) &&
        !label.startsWith('-') &&
        !label.endsWith('-'),
    );
}

function columnsOf(record: Record<string, string>): ExpectedColumns {
  const value = (name: string) => (record[name]!.trim() === '' ? undefined : record[name]!);
  const number = (name: string) => (value(name) === undefined ? undefined : Number(value(name)));
  const pregnant = ['yes', 'true'].includes(record['pregnancy_status']!.toLowerCase());
  return {
    member_id: record['member_id']!,
    case_number: record['case_number']!,
    certification_date: record['certification_date']!,
    certification_type: record['certification_type']!,
    member_data: withoutBlanks({
      name: { first: value('first_name'), middle: value('middle_name'), last: value('last_name') },
      account_email: value('member_email'),
      contact: { email: value('member_email') },
      address: value('address'),
      county: value('county'),
      zip: value('zip_code'),
      date_of_birth: value('date_of_birth'),
      pregnancy_due_or_parturition_date: pregnant ? value('certification_date') : undefined,
      race_ethnicity: value('race_ethnicity'),
      work_hours: number('work_hours'),
      other_income_sources: value('other_income_sources'),
    }),
    certification_requirements: withoutBlanks({
      certification_date: value('certification_date'),
      certification_type: value('certification_type'),
      lookback_period: number('lookback_period'),
      number_of_months_to_certify: number('number_of_months_to_certify'),
      due_period_days: number('due_period_days'),
    }),
  };
}

function withoutBlanks(object: Record<string, unknown>): Record<string, unknown> {
  return JSON.parse(JSON.stringify(object));
}

/** JSON with sorted keys, by which values are compared. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, item) =>
    item && typeof item === 'object' && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  );
}
