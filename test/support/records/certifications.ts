/**
 * Makes certification files: deterministic by seed, of any size, with what real files hold (quoted commas, quotes and
 * newlines, non-ASCII names, blank lines), about 1 % bad records over every VAL code and 0.1 % duplicates whose
 * other columns differ, so that it shows which one was kept.
 */
export const CERTIFICATION_COLUMNS = [
  'member_id',
  'case_number',
  'member_email',
  'first_name',
  'middle_name',
  'last_name',
  'certification_date',
  'certification_type',
  'lookback_period',
  'number_of_months_to_certify',
  'due_period_days',
  'address',
  'county',
  'zip_code',
  'date_of_birth',
  'pregnancy_status',
  'race_ethnicity',
  'work_hours',
  'other_income_sources',
] as const;

export interface GenerateOptions {
  records: number;
  seed?: number;
  /** Share of bad records; default 0.01. */
  bad?: number;
  /** Share of duplicates; default 0.001. */
  duplicates?: number;
  /**
   * Share of records whose county is {@link UNKNOWN_COUNTY}, for tables that refuse this county; default 0. The counts
   * are those of such a table.
   */
  refused?: number;
  lineEnd?: '\n' | '\r\n';
}

/** What the generator put into the file. */
export interface ExpectedCounts {
  records: number;
  succeeded: number;
  failed: number;
  duplicate: number;
  /** The number of failed records by code; duplicates have the code DUP_001. */
  codes: Record<string, number>;
}

/**
 * Sums of the row numbers that the table's rows have, where of records with equal keys the first or the last is stored.
 * Every other choice gives another sum: a larger one than `first`, and a smaller one than `last`.
 */
export interface RowSums {
  first: number;
  last: number;
}

const BAD_CODES = ['VAL_001', 'VAL_002', 'VAL_003', 'VAL_004', 'VAL_005', 'VAL_010', 'VAL_011', 'VAL_012'] as const;
type BadCode = (typeof BAD_CODES)[number];
type Kind = 'good' | 'duplicate' | 'DB_001' | BadCode;

const FIRST = [
  'John',
  'Jane',
  'Zoë',
  'José',
  'Łukasz',
  'Søren',
  'Nguyễn',
  '美咲',
  'Aaliyah',
  "D'Arcy",
  'Émile',
  'Владимир',
];
const LAST = [
  'Doe',
  'Smith',
  'García',
  'Müller',
  "O'Brien",
  'van der Berg',
  'Þórsdóttir',
  '山田',
  'Smith, Jr.',
  'Núñez',
];
const STREETS = [
  'Main St',
  'Oak Ave',
  'Rue de l’Église',
  'Hauptstraße',
  '"The Elms" Rd',
  'Park Lane\nApt 4',
  'Elm St, Unit 7',
];
export const COUNTIES = ['Example County', 'Sample County', 'Doña Ana', "Prince George's", 'St. John the Baptist'];
/** The county of the records that a table refuses; COUNTIES does not have it. */
export const UNKNOWN_COUNTY = 'Unknown County';
const RACES = ['white', 'hispanic', 'black', 'asian', 'two or more', ''];
const INCOME = ['none', 'SSI', 'SSDI, pension', '', 'child support'];

/** Yields the file's bytes in pieces; `counts` and `rowSums` are complete when the last piece was taken. */
export function generateCertifications(options: GenerateOptions): {
  counts: ExpectedCounts;
  rowSums: RowSums;
  pieces: Generator<Buffer, void, void>;
} {
  const { records, seed = 1, bad = 0.01, duplicates = 0.001, refused = 0, lineEnd = '\n' } = options;
  const counts: ExpectedCounts = { records, succeeded: 0, failed: 0, duplicate: 0, codes: {} };
  const rowNumbers = createRowNumbers();

  /** Seed and number alone decide the record, so that a duplicate can look back at any record. */
  function kindOf(i: number): Kind {
    const chance = random(seed, i, 0);
    if (chance < bad) return BAD_CODES[Math.floor((chance / bad) * BAD_CODES.length)]!;
    if (chance < bad + duplicates) return i > 0 && originalOf(i) !== null ? 'duplicate' : 'good';
    return chance < bad + duplicates + refused ? 'DB_001' : 'good';
  }

  /** Half of the duplicates repeat one of the last 40 records, half any earlier one. */
  function originalOf(i: number): number | null {
    const near = random(seed, i, 1) < 0.5;
    let j = near ? i - 1 - Math.floor(random(seed, i, 2) * Math.min(40, i)) : Math.floor(random(seed, i, 2) * i);
    for (; j >= 0; j -= 1) if (random(seed, j, 0) >= bad + duplicates + refused) return j;
    return null;
  }

  function* make(): Generator<Buffer, void, void> {
    let parts: Buffer[] = [Buffer.from(CERTIFICATION_COLUMNS.join(',') + lineEnd)];
    let size = 0;
    for (let i = 0; i < records; i += 1) {
      const kind = kindOf(i);
      const original = kind === 'duplicate' ? originalOf(i)! : i;
      const line = lineOf(i, kind, original);
      count(kind);
      if (kind === 'good' || kind === 'duplicate') rowNumbers.store(i, original);
      const text = Buffer.isBuffer(line) ? line : Buffer.from(line);
      const blank = random(seed, i, 4) < 0.0002 ? lineEnd : '';
      if (blank) rowNumbers.skipLineAfter(i);
      parts.push(text, Buffer.from(lineEnd + blank));
      size += text.length;
      if (size > 256 * 1024) {
        yield Buffer.concat(parts);
        parts = [];
        size = 0;
      }
    }
    yield Buffer.concat(parts);
  }

  function lineOf(i: number, kind: Kind, original: number): string | Buffer {
    const fields = goodFields(seed, i);
    if (kind === 'good') return toLine(fields);
    if (kind === 'duplicate') {
      fields.splice(0, 2, ...keyOf(seed, original));
      fields[6] = dateOf(seed, original);
      return toLine(fields);
    }
    if (kind !== 'DB_001') return spoil(kind, fields, random(seed, i, 3));
    fields[12] = UNKNOWN_COUNTY;
    return toLine(fields);
  }

  function count(kind: Kind): void {
    if (kind === 'good') counts.succeeded += 1;
    else if (kind === 'duplicate') counts.duplicate += 1;
    else counts.failed += 1;
    if (kind !== 'good') {
      const code = kind === 'duplicate' ? 'DUP_001' : kind;
      counts.codes[code] = (counts.codes[code] ?? 0) + 1;
    }
  }

  return { counts, rowSums: rowNumbers.sums, pieces: make() };
}

/** Adds up the numbers of stored rows. The header has the number 1, and a blank line has a number, too. */
function createRowNumbers() {
  const sums: RowSums = { first: 0, last: 0 };
  const blankLines: number[] = [];
  /** The row number of the last record with an original's key, by the original. */
  const lastRows = new Map<number, number>();
  const rowOf = (i: number) => i + 2 + countBelow(blankLines, i);
  return {
    sums,
    store(i: number, original: number): void {
      const row = rowOf(i);
      if (i === original) sums.first += row;
      sums.last += i === original ? row : row - (lastRows.get(original) ?? rowOf(original));
      if (i !== original) lastRows.set(original, row);
    },
    skipLineAfter: (i: number) => blankLines.push(i),
  };
}

/** The number of values below `limit` in an ascending list. */
function countBelow(values: readonly number[], limit: number): number {
  let low = 0;
  for (let high = values.length; low < high; ) {
    const middle = (low + high) >> 1;
    if (values[middle]! < limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function keyOf(seed: number, i: number): [string, string] {
  return [
    `M${String(seed).padStart(2, '0')}${String(i).padStart(9, '0')}`,
    `C-${String(i % 1_000_000).padStart(6, '0')}`,
  ];
}

function dateOf(seed: number, i: number): string {
  const day = 1 + Math.floor(random(seed, i, 5) * 28);
  return `2025-${String(1 + (i % 12)).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
}

function goodFields(seed: number, i: number): string[] {
  const [member, number] = keyOf(seed, i);
  const r = (salt: number) => random(seed, i, salt);
  const pick = (list: readonly string[], salt: number) => list[Math.floor(r(salt) * list.length)]!;
  return [
    member,
    number,
    `member.${i}@example.org`,
    pick(FIRST, 10),
    r(11) < 0.5 ? '' : pick(FIRST, 12).slice(0, 1),
    pick(LAST, 13),
    dateOf(seed, i),
    r(14) < 0.5 ? 'new_application' : 'recertification',
    r(15) < 0.1 ? '' : String(1 + Math.floor(r(16) * 12)),
    r(17) < 0.1 ? '  ' : `0${1 + Math.floor(r(18) * 6)}`,
    String(10 * (1 + Math.floor(r(19) * 6))),
    `${1 + Math.floor(r(20) * 9999)} ${pick(STREETS, 21)}`,
    pick(COUNTIES, 22),
    String(Math.floor(r(23) * 100_000)).padStart(5, '0'),
    r(24) < 0.05 ? '' : `${1940 + Math.floor(r(25) * 65)}-0${1 + Math.floor(r(26) * 9)}-1${Math.floor(r(27) * 10)}`,
    pick(['no', 'no', 'no', 'Yes', 'TRUE', ''], 28),
    pick(RACES, 29),
    r(30) < 0.2 ? '' : String(Math.floor(r(31) * 60)),
    pick(INCOME, 32),
  ];
}

function toLine(fields: readonly string[]): string {
  return fields.map((text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)).join(',');
}

/** Makes a record whose first fault has the code; some records have a second fault, with a later code. */
function spoil(code: BadCode, fields: string[], chance: number): string | Buffer {
  const set = (index: number, ...values: string[]) => {
    fields[index] = values[Math.floor(chance * values.length)]!;
  };
  switch (code) {
    case 'VAL_001':
      fields[[0, 1, 2, 6, 7][Math.floor(chance * 5)]!] = chance < 0.5 ? '' : '  ';
      if (chance > 0.8) fields[8] = 'six';
      break;
    case 'VAL_002':
      if (chance < 0.3) fields[14] = '1990-13-01';
      else set(6, '2025-02-30', '01/15/2025', '2025-2-3', 'soon', '0000-01-01', '2023-02-29', '2025-01-15T00:00:00');
      if (chance > 0.8) fields[2] = 'nobody';
      break;
    case 'VAL_003':
      set(2, 'nobody', 'a@b..c', 'a b@example.org', '@example.org', 'a@-x.org', 'jane@exämple.org');
      break;
    case 'VAL_004':
      set(7, 'New_Application', 'renewal', 'recertification ', 'RECERTIFICATION');
      break;
    case 'VAL_005':
      set([8, 9, 10, 17][Math.floor(chance * 4)]!, '-1', '+5', '1.5', 'six', '1e3', '１２', '3 4');
      break;
    case 'VAL_010':
      if (chance < 0.5) fields.pop();
      else fields.push('extra');
      break;
    case 'VAL_011': {
      const line = Buffer.from(toLine(fields));
      // A Latin-1 é or a NUL takes the place of a letter of the email address.
      line[line.indexOf('member.') + 2] = chance < 0.5 ? 0xe9 : 0x00;
      return line;
    }
    case 'VAL_012':
      fields[12] = '';
      return toLine(fields).replace(`member.`, chance < 0.5 ? 'mem"ber.' : '"mem"ber.');
    default:
      throw new Error(code satisfies never);
  }
  return toLine(fields);
}

/** A uniform number in [0, 1) from three numbers. Source: the finaliser of MurmurHash3 (fmix32), over their mix. */
function random(seed: number, i: number, salt: number): number {
  let h = Math.imul(seed, 0x9e3779b1) ^ Math.imul(i + 1, 0x85ebca6b) ^ Math.imul(salt + 1, 0xc2b2ae35);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 16;
  return (h >>> 0) / 4_294_967_296;
}
