/** Makes uploads at random: a target table, the rows that it holds, a schema and a file. Each seed makes one upload. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';

export interface RandomRecord {
  /** The texts of the file, by field; a key column in one of several spellings. */
  values: Record<string, string>;
  /** PostgreSQL would alter a value, so that the record has to fail although PostgreSQL takes it. */
  altered: boolean;
}

export interface RandomUpload {
  seed: number;
  schema: RecordSchemaSpec;
  /** Makes the table `items` and what belongs to it in the current schema. `columns` are further columns of the table. */
  ddl: (columns: string) => string;
  keyColumns: string[];
  /** The SQL that makes the value of a field out of the text $1. */
  sqlOf: Record<string, string>;
  identityKey: boolean;
  key: string;
  file: string;
  firstRow: number;
  records: RandomRecord[];
  policy: 'Skip' | 'Update' | 'Fail';
  owner: boolean;
  mode: 'Commit' | 'Validate';
  chunkRecords: number;
  pods: number;
}

/** A linear congruential generator is random enough here, and the same everywhere. */
function createRandom(seed: number) {
  let state = (Math.imul(seed + 1, 0x9e3779b1) ^ 0x5bd1e995) >>> 0;
  const below = (count: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * count);
  };
  return {
    below,
    pick: <T>(list: readonly T[]): T => list[below(list.length)]!,
    chance: (of: number) => below(of) === 0,
  };
}

type Random = ReturnType<typeof createRandom>;

interface KeyKind {
  type: string;
  field: RecordSchemaSpec['fields'][number]['type'];
  /** Makes a spelling of key number `n`. Keys with different numbers are different, whatever a trigger does to them. */
  spell: (n: number, random: Random) => string;
  sql: string;
  /** What a trigger makes of NEW.k; a second time changes nothing more. */
  change: string;
}

const two = (n: number) => String(n).padStart(2, '0');
const KEYS: KeyKind[] = [
  {
    type: 'text',
    field: 'string',
    spell: (n, { pick }) => `${pick(['key', 'Key', 'KEY', 'key '])}${n}`,
    sql: '$1',
    change: "lower(replace(NEW.k, ' ', ''))",
  },
  {
    type: 'text COLLATE nocase',
    field: 'string',
    spell: (n, { pick }) => `${pick(['key', 'Key'])}${n}`,
    sql: '$1',
    change: "'x' || ltrim(NEW.k, 'x')",
  },
  {
    type: 'integer',
    field: 'integer',
    spell: (n, { pick }) => `${pick(['', '0', '-'])}${n + 1}`,
    sql: '$1',
    change: 'abs(NEW.k)',
  },
  {
    type: 'bigint GENERATED ALWAYS AS IDENTITY',
    field: 'integer',
    spell: (n, { pick }) => `${pick(['', '00'])}${n + 1}`,
    sql: '$1',
    change: 'NEW.k',
  },
  {
    type: 'numeric',
    field: 'number',
    spell: (n, { pick }) => `${n}${pick(['', '.0', '.25', '.250'])}`,
    sql: '$1',
    change: 'floor(NEW.k)',
  },
  {
    type: 'timestamp',
    field: 'datetime',
    spell: (n, { pick }) =>
      pick([
        `2025-01-${two((n % 28) + 1)}T12:00:${two(Math.floor(n / 28) % 60)}Z`,
        `2025-01-${two((n % 28) + 1)}T14:00:${two(Math.floor(n / 28) % 60)}+02:00`,
      ]),
    sql: "($1::timestamptz AT TIME ZONE 'UTC')",
    change: "date_trunc('second', NEW.k)",
  },
  {
    type: 'citext',
    field: 'string',
    spell: (n, { pick }) => `${pick(['key', 'Key'])}${n}`,
    sql: '$1',
    change: 'upper(NEW.k::text)',
  },
  { type: 'char(9)', field: 'string', spell: (n, { pick }) => `k${n}${pick(['', '  '])}`, sql: '$1', change: 'NEW.k' },
  {
    type: 'varchar(20)',
    field: 'string',
    spell: (n, { pick }) => `${pick(['a', 'A'])}${n}`,
    sql: '$1',
    change: 'upper(NEW.k)',
  },
];

const TRIGGERS = ['none', 'none', 'touch', 'change', 'suppress'] as const;
/** How many different keys the duplicates of a file share. */
const FEW = 8;

export function randomUpload(seed: number): RandomUpload {
  const random = createRandom(seed);
  const { below, pick, chance } = random;
  const kind = pick(KEYS);
  const identityKey = kind.type.includes('IDENTITY');
  const pair = !identityKey && chance(4);
  const trigger = pick(TRIGGERS);
  const partitioned = !identityKey && kind.type !== 'text COLLATE nocase' && chance(4);
  const textFormat = chance(2);
  const owner = chance(2);
  const policy = pick(['Skip', 'Update', 'Fail'] as const);
  const isNdjson = chance(3);
  const keys = pair ? ['k', 'k2'] : ['k'];
  const fields: RecordSchemaSpec['fields'] = [
    { name: 'k', type: kind.field },
    ...(pair ? [{ name: 'k2', type: 'integer' as const }] : []),
    { name: 'v', type: 'string' },
    { name: 'n', type: 'number' },
    { name: 'at', type: 'datetime' },
    { name: 'parent', type: 'integer' },
    { name: 'u', type: 'integer' },
    { name: 'x', type: 'integer' },
  ];
  const records = Array.from({ length: 1 + below(50) }, (_, i) =>
    randomRecord(random, { kind, pair, trigger, unique: 100 + i, hasUnique: !partitioned }),
  );
  const names = fields.map(({ name }) => name);
  const file = isNdjson
    ? records.map(({ values }) => `${JSON.stringify(values)}\n`).join('')
    : `${names.join(',')}\n${records.map(({ values }) => `${names.map((name) => `"${values[name]}"`).join(',')}\n`).join('')}`;
  return {
    seed,
    schema: {
      fields,
      fieldsMatch: 'equal',
      primaryKey: keys,
      target: {
        table: 'items',
        create: false,
        onDuplicate: policy,
        columns: [
          ...names.map((name) => ({ name, field: name })),
          ...(owner
            ? [
                { name: 'upload', system: 'uploadId' as const },
                { name: 'row', system: 'rowNumber' as const },
              ]
            : []),
        ],
      },
    },
    ddl: (columns) => tableSql({ kind, pair, trigger, partitioned, textFormat, owner, columns }),
    keyColumns: keys,
    sqlOf: { k: kind.sql, at: "($1::timestamptz AT TIME ZONE 'UTC')" },
    identityKey,
    key: isNdjson ? 'f.ndjson' : 'f.csv',
    file,
    firstRow: isNdjson ? 1 : 2,
    records,
    policy,
    owner,
    mode: chance(4) ? 'Validate' : 'Commit',
    chunkRecords: pick([1, 2, 5, 7, 100]),
    pods: pick([1, 1, 2, 3]),
  };
}

function randomRecord(
  random: Random,
  {
    kind,
    pair,
    trigger,
    unique,
    hasUnique,
  }: { kind: KeyKind; pair: boolean; trigger: string; unique: number; hasUnique: boolean },
): RandomRecord {
  const { below, pick, chance } = random;
  const fault = chance(5)
    ? pick([
        'check',
        'parent',
        'round',
        ...(hasUnique ? ['unique'] : []),
        ...(trigger === 'suppress' ? ['suppress'] : []),
      ])
    : null;
  // A record that the table refuses has a key of its own: with an equal key, either fault may be found first.
  const number = fault === null ? below(FEW) : unique;
  const values: Record<string, string> = {
    k: kind.spell(number, random),
    ...(pair ? { k2: String(below(2)) } : {}),
    v: fault === 'check' ? 'forbidden' : fault === 'suppress' ? 'none' : `v${below(100)}`,
    n: fault === 'round' ? '1.239' : pick(['1.5', '2', '-0.25', '']),
    at: pick(['2025-06-01T10:00:00+02:00', '2025-06-01T10:00:00Z', '']),
    parent: fault === 'parent' ? '99' : pick(['1', '2', '']),
    u: fault === 'unique' ? '1' : '',
    x: pick(['7', '']),
  };
  return { values, altered: fault === 'round' };
}

interface TableOptions {
  kind: KeyKind;
  pair: boolean;
  trigger: (typeof TRIGGERS)[number];
  partitioned: boolean;
  /** A column of the type oid has no binary form here, so that all rows go as text. */
  textFormat: boolean;
  owner: boolean;
  columns: string;
}

function tableSql({ kind, pair, trigger, partitioned, textFormat, owner, columns }: TableOptions): string {
  const body = {
    none: '',
    touch: 'NEW.touched := now();',
    change: `NEW.k := ${kind.change};`,
    suppress: "IF NEW.v = 'none' THEN RETURN NULL; END IF;",
  }[trigger];
  return `
    CREATE TABLE parents (id integer PRIMARY KEY);
    INSERT INTO parents VALUES (1), (2);
    CREATE TABLE items (k ${kind.type}, ${pair ? 'k2 integer,' : ''} v text CHECK (v <> 'forbidden'), n numeric(10,2),
      at timestamp, parent integer REFERENCES parents, u integer ${partitioned ? '' : 'UNIQUE'}, x ${textFormat ? 'oid' : 'bigint'},
      touched timestamptz ${owner ? ', upload uuid, row bigint' : ''} ${columns}, PRIMARY KEY (${pair ? 'k, k2' : 'k'}))
      ${partitioned ? 'PARTITION BY HASH (k)' : ''};
    ${partitioned ? [0, 1].map((i) => `CREATE TABLE items_${i} PARTITION OF items FOR VALUES WITH (MODULUS 2, REMAINDER ${i});`).join('') : ''}
    CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN ${body} RETURN NEW; END $f$;
    ${trigger === 'none' || (partitioned && trigger === 'change') ? '' : 'CREATE TRIGGER fired BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION fired();'}
    INSERT INTO items (k, ${pair ? 'k2,' : ''} v, u) OVERRIDING SYSTEM VALUE VALUES ${storedRows(kind, pair)};`;
}

/** Some stored rows have keys of the file, and one has the value of `u` that records collide with. */
function storedRows(kind: KeyKind, pair: boolean): string {
  const plain: Random = { below: () => 0, pick: (list) => list[0]!, chance: () => false };
  const row = (n: number, u: string) => {
    const k = kind.sql.replace('$1', `'${kind.spell(n, plain)}'`);
    return `(${k}${pair ? ', 0' : ''}, 'stored', ${u})`;
  };
  return [row(0, 'NULL'), row(3, 'NULL'), row(90, '1')].join(', ');
}

/** Makes a collation and a type of some keys, for which letter case makes no difference. */
export const NOCASE_SQL = `CREATE EXTENSION citext;
  CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`;
