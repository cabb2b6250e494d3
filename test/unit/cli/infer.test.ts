import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { type InferOptions, inferSchema, type Proposal } from '#cli/infer/infer-schema.ts';
import { looksLikeCode, looksPersonal, nameOfFile, toIdentifiers, toResourceName } from '#cli/infer/words.ts';
import { writeProposal } from '#cli/infer/write-yaml.ts';
import { readSchema } from '#cli/schema/read-schema.ts';
import { checkFile } from '#cli/validate/check-file.ts';
import { NODE_PLATFORM } from '#runner/node/platform.ts';
import { formatCsvRow } from '#runner/report/failed-records-csv.ts';
import { sniffDelimiter } from '#runner/source/sniff-delimiter.ts';
import { memoryFile } from '#support/cli/memory-file.ts';
import { KINDS } from '#support/records/file-kinds.ts';

const OPEN = { declared: {}, platform: NODE_PLATFORM, maxRecordBytes: 1 << 24 };

function infer(key: string, body: Buffer | string, more: Partial<InferOptions> = {}): Promise<Proposal> {
  return inferSchema(memoryFile(key, body), { ...OPEN, ...more });
}

/** The proposal as it is written, read and used: the file that it was made of has no failed record. */
async function expectLoads(key: string, body: Buffer | string, proposal: Proposal): Promise<void> {
  const read = readSchema(writeProposal(proposal, key));
  if (!read.ok) throw new Error(JSON.stringify(read.problems));
  expect(read.spec).toMatchObject({ target: { create: true } });
  expect(read.spec.primaryKey).toEqual(proposal.spec.primaryKey);
  const report = await checkFile(memoryFile(key, body), { ...OPEN, schema: read.spec, rowsOfCode: 3, maxKeys: 1e6 });
  expect(report.faults).toEqual([]);
}

const typesOf = ({ fields }: Proposal) =>
  Object.fromEntries(
    fields.map(({ field }) => [field.name, field.format ? `${field.type} ${field.format}` : field.type]),
  );

describe('public files load with the schema that is inferred from them', () => {
  const FILES: [string, string][] = [
    ['vega-datasets/data', 'node_modules/vega-datasets/data'],
    ['csv-spectrum', 'node_modules/csv-spectrum/csvs'],
  ].flatMap(([name, folder]) =>
    readdirSync(folder!).map((file): [string, string] => [`${name}: ${file}`, join(folder!, file)]),
  );
  /** Larger ones take long, and hold what their smaller sisters hold. */
  const MOST_BYTES = 3_000_000;

  /** These have no unique columns: whole records come twice, or only measured numbers tell them apart. */
  const WITHOUT_KEY: Record<string, string> = {
    'anscombe.json': 'Series',
    'birdstrikes.csv': 'Airport Name',
    'movies.json': 'Release Date',
    'normal-2d.json': 'u',
    'penguins.json': 'Species',
    'udistrict.json': 'key',
    'uniform-2d.json': 'u',
    'windvectors.csv': 'longitude',
  };
  /** The quotes of this file stand where none may: no schema reads its only record. */
  const UNREADABLE = 'location_coordinates.csv';

  /** The text of the file; a JSON array of objects as NDJSON. Null for what is no table. */
  function readTable(path: string): string | Buffer | null {
    if (/\.(csv|tsv)$/.test(path)) return readFileSync(path);
    if (!path.endsWith('.json') || statSync(path).size > MOST_BYTES) return null;
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    const isTable = Array.isArray(value) && value.every((item) => typeof item === 'object' && !Array.isArray(item));
    return isTable ? value.map((item) => JSON.stringify(item)).join('\n') : null;
  }

  const tables = FILES.filter(([, path]) => readTable(path) !== null && !path.endsWith(UNREADABLE));

  test('are many', () => expect(tables.length).toBeGreaterThan(60));

  test.each(tables)(
    '%s',
    async (_name, path) => {
      const file = path.split('/').at(-1)!;
      const body = readTable(path)!;
      const key = WITHOUT_KEY[file];
      const proposal = await infer(file, body);
      expect(proposal.spec.primaryKey === undefined).toBe(key !== undefined);
      await expectLoads(file, body, proposal);
      if (key !== undefined) await expectLoads(file, body, await infer(file, body, { key: [key] }));
    },
    60_000,
  );

  test('one whose records no schema reads says so', async () => {
    const body = readFileSync(join('node_modules/csv-spectrum/csvs', UNREADABLE));
    const { report } = await infer(UNREADABLE, body, { key: ['Cities'] });
    expect(report.faults).toMatchObject([{ code: 'VAL_012', first: [{ row: 2 }] }]);
  });
});

test.each([
  ['airports.csv', 'iata', { latitude: 'number', iata: 'string' }],
  ['seattle-weather.csv', 'date', { date: 'date', temp_max: 'number', weather: 'string' }],
  ['stocks.csv', 'symbol+date', { date: 'date %b %d %Y', price: 'number' }],
  ['github.csv', 'time', { time: 'datetime %Y/%m/%d %H:%M:%S', count: 'integer' }],
  ['zipcodes.csv', 'zip_code', { zip_code: 'string', latitude: 'number' }],
  ['us-employment.csv', 'month', { month: 'date', nonfarm: 'integer' }],
  ['gapminder-health-income.csv', 'country', { income: 'integer', health: 'number' }],
  ['iowa-electricity.csv', 'year+source', { year: 'date' }],
])('%s has the key %s', async (file, key, types) => {
  const proposal = await infer(file, readFileSync(`node_modules/vega-datasets/data/${file}`));
  expect(proposal.spec.primaryKey?.join('+')).toBe(key);
  expect(typesOf(proposal)).toMatchObject(types);
});

describe('a file of every kind', () => {
  // A schema is inferred from the file's own names.
  const kinds = KINDS.filter(({ format }) => format?.columns === undefined);
  test.each(kinds.map((kind) => [kind.name, kind] as const))(
    '%s',
    async (_name, { key = 'people.csv', body, format = {} }) => {
      const proposal = await infer(key, body, { declared: format });
      expect(proposal.report).toMatchObject({ records: 3, failed: 0 });
      const types = Object.values(typesOf(proposal));
      expect(types.filter((type) => type !== 'string')).toEqual([]);
    },
  );
});

describe('types', () => {
  const column = async (name: string, values: readonly string[]) => {
    const body = [['id', name], ...values.map((value, i) => [i + 1, value])]
      .map((cells) => formatCsvRow(cells))
      .join('');
    const proposal = await infer('x.csv', body);
    await expectLoads('x.csv', body, proposal);
    return proposal.fields[1]!;
  };

  test.each<[string, string, string[], object]>([
    ['whole numbers', 'n', ['1', '-20', '0'], { type: 'integer' }],
    ['numbers', 'n', ['1', '2.5', '-1e5'], { type: 'number' }],
    ['leading zeros', 'n', ['007', '8'], { type: 'string' }],
    ['more digits than a bigint has', 'n', ['12345678901234567890'], { type: 'string' }],
    ['plus signs', 'n', ['+41791234567'], { type: 'string' }],
    ['commas in thousands', 'n', ['1,234,567', '12'], { type: 'integer', groupChar: ',' }],
    ['commas in thousands with a fraction', 'n', ['1,234.5', '12'], { type: 'number', groupChar: ',' }],
    ['decimal commas', 'n', ['1,5', '12'], { type: 'number', decimalChar: ',' }],
    [
      'decimal commas and points in thousands',
      'n',
      ['1.234,5', '12'],
      { type: 'number', decimalChar: ',', groupChar: '.' },
    ],
    ['a comma that may be either', 'n', ['1,234', '5,678'], { type: 'string' }],
    ['currencies', 'n', ['$12.50', '$3'], { type: 'number', bareNumber: false }],
    ['percentages', 'n', ['12%', '3.5%'], { type: 'number', bareNumber: false }],
    ['codes by their name', 'zip', ['8001', '3000'], { type: 'string' }],
    ['sparse identifiers of different lengths', 'member_id', ['90210', '123456789'], { type: 'string' }],
    ['identifiers that count up', 'order_id', ['9', '10'], { type: 'integer' }],
    ['years by their name', 'year', ['1999', '2025'], { type: 'year' }],
    ['years without such a name', 'n', ['1999', '2025'], { type: 'integer' }],
    ['true and false', 'b', ['true', 'FALSE'], { type: 'boolean' }],
    ['yes and no', 'b', ['Yes', 'no', 'Yes'], { type: 'boolean', trueValues: ['Yes'], falseValues: ['no'] }],
    ['yes alone', 'b', ['yes', 'yes'], { type: 'string' }],
    ['ISO dates', 'd', ['2025-01-31', '2024-02-29'], { type: 'date' }],
    ['dates that do not exist', 'd', ['2025-02-29'], { type: 'string' }],
    ['American dates', 'd', ['1/31/2025', '12/1/2025'], { type: 'date', format: '%m/%d/%Y' }],
    ['British dates', 'd', ['31/1/2025', '1/12/2025'], { type: 'date', format: '%d/%m/%Y' }],
    ['German dates', 'd', ['31.01.2025'], { type: 'date', format: '%d.%m.%Y' }],
    ['dates of digits by their name', 'start_date', ['20250131'], { type: 'date', format: '%Y%m%d' }],
    ['moments of PostgreSQL', 't', ['2025-01-31 12:00:00'], { type: 'datetime' }],
    ['ISO moments', 't', ['2025-01-31T12:00:00Z'], { type: 'datetime' }],
    ['American moments', 't', ['01/31/2025 01:30 PM'], { type: 'datetime', format: '%m/%d/%Y %I:%M %p' }],
    ['times', 't', ['7:30', '12:05'], { type: 'time', format: '%H:%M' }],
    ['months', 'm', ['2025-01'], { type: 'yearmonth' }],
    ['UUIDs', 'u', ['123e4567-e89b-12d3-a456-426614174000'], { type: 'string', format: 'uuid' }],
    ['email addresses', 'u', ['a@example.org'], { type: 'string', format: 'email', sensitive: true }],
    ['URIs', 'u', ['https://example.org/a'], { type: 'string', format: 'uri' }],
    ['JSON', 'j', ['{"a":[1]}'], { type: 'object' }],
    ['words for no value', 'n', ['1', 'NA', '-'], { type: 'integer', missingValues: ['NA', '-'] }],
    ['words for no value among texts', 'n', ['a', 'NA'], { type: 'string' }],
    ['nothing', 'n', ['', ''], { type: 'string' }],
  ])('%s', async (_name, name, values, shape) => {
    const { field } = await column(name, values);
    const { name: _field, constraints: _constraints, ...found } = field;
    expect(found).toEqual(shape);
  });

  it('are told where day and month may change places', async () => {
    const { field, guesses } = await column('d', ['1/2/2025', '3/4/2025']);
    expect(field.format).toBe('%m/%d/%Y');
    expect(guesses.join()).toContain('%d/%m/%Y reads every value, too');
  });

  it('tell of the row that spoils a column', async () => {
    const { field, guesses } = await column('n', [...Array.from({ length: 200 }, (_, i) => String(i)), 'oops']);
    expect(field.type).toBe('string');
    expect(guesses).toEqual(['every value is an integer before row 202, which has another text']);
  });

  it('require what is never missing', async () => {
    expect((await column('a', ['1', '2'])).field.constraints).toEqual({ required: true });
    expect((await column('a', ['1', ''])).field.constraints).toBeUndefined();
    expect((await column('a', ['1', 'NA'])).field.constraints).toBeUndefined();
  });

  it('list the values of a text only where few come again and again', async () => {
    const repeat = (times: number) => Array.from({ length: times }, (_, i) => ['S', 'M', 'L'][i % 3]!);
    expect((await column('size', repeat(120))).field.constraints!.enum).toEqual(['L', 'M', 'S']);
    expect((await column('size', repeat(90))).field.constraints!.enum).toBeUndefined();
    expect((await column('size', [...repeat(120), 'XL'])).field.constraints!.enum).toBeUndefined();
    expect((await column('gender', repeat(120))).field.constraints!.enum).toBeUndefined();
  });
});

test('any texts load with the schema that is inferred from them', async () => {
  const value = fc.oneof(
    fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0') && text.isWellFormed()),
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
    fc.constantFrom('', 'NA', 'yes', 'no', 'true', '1,234', '01', '31.12.2024', '12:30', ' ', '"', '[1]', 'P1D'),
  );
  const columns = fc.uniqueArray(fc.constantFrom('name', 'zip', 'year', 'date', 'Total $', 'größe'), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(
      columns.chain((names) =>
        fc.tuple(fc.constant(names), fc.array(fc.array(value, { minLength: names.length, maxLength: names.length }))),
      ),
      async ([names, records]) => {
        const rows = records.map((record, i) => formatCsvRow([i + 1, ...record]));
        const body = formatCsvRow(['id', ...names]) + rows.join('');
        await expectLoads(
          'x.csv',
          body,
          await infer('x.csv', body, { declared: { type: 'csv', dialect: { delimiter: ',' } } }),
        );
      },
    ),
    { numRuns: 60 },
  );
}, 60_000);

describe('keys', () => {
  const keyOf = async (body: string) => (await infer('x.csv', body)).spec.primaryKey;

  test.each([
    ['by its name', 'name,user_id\na,1\nb,2\n', ['user_id']],
    ['the first of unique columns', 'a,b\nx,1\ny,2\n', ['a']],
    ['together', 'a,b\nx,p\nx,q\ny,p\n', ['a', 'b']],
    ['three together', 'a,b,c\nx,p,s\nx,p,t\nx,q,s\ny,p,s\n', ['a', 'b', 'c']],
    ['not with a blank', 'id,b\n,x\n2,y\n', ['b']],
    ['not a measured number', 'v,b\n1.5,x\n2.5,y\n', ['b']],
    ['not personal where another is', 'email,b\na@example.org,x\nb@example.org,y\n', ['b']],
  ])('%s', async (_name, body, key) => expect(await keyOf(body)).toEqual(key));

  it('may be named', async () => {
    expect((await infer('x.csv', 'First Name,b\nx,1\nx,2\n', { key: ['first_name'] })).spec.primaryKey).toEqual([
      'First Name',
    ]);
    await expect(infer('x.csv', 'a,b\nx,1\n', { key: ['c'] })).rejects.toThrow(/The columns are a, b/);
  });

  test.each(['a\nx\nx\n', 'a,No: 1\nx,\nx,\n'])('none: the records of %j are appended', async (body) => {
    const proposal = await infer('x.csv', body);
    expect(proposal.spec).not.toHaveProperty('primaryKey');
    expect(proposal.report.repeatedKeys).toBeNull();
    const text = writeProposal(proposal, 'x.csv');
    expect(text).toMatch(/^ {2}# No primaryKey: .* Every record is appended to the table\.$/m);
    expect(text).toMatch(/a file of other content that repeats records appends them again/);
    await expectLoads('x.csv', body, proposal);
    // The line that names a key is ready to be used.
    const named = readSchema(text.replace('  # primaryKey:', '  primaryKey:'));
    expect(named).toMatchObject({ ok: true, spec: { primaryKey: proposal.fields.map(({ field }) => field.name) } });
  });
});

test.each([
  ['an empty file', '', /empty/],
  ['a first row that is a record', '1,2\n3,4\n', /looks like a record/],
  ['columns of the same name', 'a_b,A B\n1,2\n', /The columns a_b and A B have the same name/],
  ['a title above the header', 'Report\n\na,b\n1,2\n3,4\n', /Remove the rows above the header/],
  ['HTML', '<!DOCTYPE html>\n<html>\n', /HTML/],
  ['JSON over several lines', '{\n"a": 1\n}\n', /one object a line/],
  ['a very long name', `${'x'.repeat(200)},b\n1,2\n`, /Shorten the name/],
])('%s is refused with what to do', async (_name, body, message) => {
  await expect(infer('x.csv', body)).rejects.toThrow(message);
});

test('columns without a name are left out', async () => {
  const body = 'id,,b\n1,x,2\n';
  const proposal = await infer('x.csv', body);
  expect(proposal.spec.fieldsMatch).toBe('subset');
  await expectLoads('x.csv', body, proposal);
});

describe('words', () => {
  it('make identifiers of PostgreSQL, all different', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 30 }), (names) => {
        const identifiers = toIdentifiers(names, ['batch_upload_id']);
        expect(new Set([...identifiers, 'batch_upload_id']).size).toBe(names.length + 1);
        for (const identifier of identifiers) {
          expect(Buffer.byteLength(identifier)).toBeLessThanOrEqual(63);
          expect(identifier).toMatch(/^[\p{L}][\p{L}\p{N}_]*$/u);
        }
      }),
    );
  });

  test.each([
    ['First Name', 'first_name'],
    ['firstName', 'first_name'],
    ['HTTPStatus', 'http_status'],
    ['Größe (cm)', 'grosse_cm'],
    ['2024', 'column_2024'],
    ['%', 'column'],
  ])('%s becomes %s', (name, identifier) => expect(toIdentifiers([name])).toEqual([identifier]));

  it('make names of resources and tables', () => {
    expect(nameOfFile('data/My People 2025.csv.gz')).toBe('My People 2025');
    expect(toResourceName('My People 2025')).toBe('my-people-2025');
    expect(toResourceName('日本')).toBe('records');
  });

  test.each([
    'ssn',
    'Date of Birth',
    'email',
    'phone_number',
    'home address',
    'lastName',
    'customer name',
    'Social Security Number',
  ])('%s looks personal', (name) => expect(looksPersonal(name)).toBe(true));
  test.each(['name', 'product name', 'city', 'amount', 'first quarter'])('%s does not', (name) =>
    expect(looksPersonal(name)).toBe(false),
  );
  test.each(['zip', 'Zip4', 'phone', 'Postal Code', 'sku'])('%s is a code', (name) =>
    expect(looksLikeCode(name)).toBe(true),
  );
});

test('the delimiter of any table is found', () => {
  const cell = fc.string({ unit: fc.constantFrom('a', 'b', ' ', ',', ';', '|', '"', '\n', '1'), maxLength: 8 });
  const table = fc
    .tuple(fc.integer({ min: 2, max: 6 }), fc.constantFrom(',', ';', '\t', '|'))
    .chain(([width, delimiter]) =>
      fc.tuple(
        fc.constant(delimiter),
        fc.constant(width),
        fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 3, maxLength: 20 }),
      ),
    );
  fc.assert(
    fc.property(table, ([delimiter, width, records]) => {
      const header = Array.from({ length: width }, (_, i) => `column ${i}`);
      const text = [header, ...records].map((cells) => formatCsvRow(cells, delimiter)).join('');
      expect(sniffDelimiter(text, true, 'x.csv')).toBe(delimiter);
    }),
  );
});
