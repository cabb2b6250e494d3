/** Makes uploads at random: a target table, the rows that it holds, a schema and a file. Each seed makes one upload. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import {
  COLUMN_KINDS,
  type ColumnKind,
  NOT_UNIQUE,
  TRIGGERS,
  type Trigger,
  triggerSql,
  UNIQUE_KINDS,
  type UniqueKind,
} from './random-columns.ts';

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
  /** The sessions of each pod. */
  sessions: number;
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
  {
    type: 'uuid',
    field: 'string',
    spell: (n, { pick }) => pick([(text: string) => text, (text: string) => text.toUpperCase()])(uuidOf(n)),
    sql: '$1',
    change: 'NEW.k',
  },
  {
    type: 'date',
    field: 'date',
    spell: (n) => `20${two(Math.floor(n / 28) + 10)}-02-${two((n % 28) + 1)}`,
    sql: '$1',
    change: 'NEW.k',
  },
  {
    type: 'double precision',
    field: 'number',
    spell: (n, { pick }) => `${n}${pick(['', '.0', '.5', '.50', '.5e0'])}`,
    sql: '$1',
    change: 'floor(NEW.k)',
  },
];

const uuidOf = (n: number) => `a0eebc99-9c0b-4ef8-bb6d-${n.toString(16).padStart(12, 'b')}`;

/** How many different keys the duplicates of a file share. */
const FEW = 8;

export function randomUpload(seed: number): RandomUpload {
  const random = createRandom(seed);
  const { below, pick, chance } = random;
  const kind = pick(KEYS);
  const identityKey = kind.type.includes('IDENTITY');
  const pair = !identityKey && chance(4);
  const chosen = pick(TRIGGERS);
  const partitioned = !identityKey && kind.type !== 'text COLLATE nocase' && chance(4);
  // PostgreSQL has no constraint triggers of partitioned tables, and a changed key may belong to another partition.
  const trigger = partitioned && (chosen === 'deferred' || chosen === 'change') ? 'none' : chosen;
  const textFormat = chance(2);
  const owner = chance(2);
  const extra = pick(COLUMN_KINDS);
  const unique = partitioned ? NOT_UNIQUE : pick(UNIQUE_KINDS);
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
    { name: 'e', type: extra.field },
  ];
  const records = Array.from({ length: 1 + below(50) }, (_, i) =>
    randomRecord(random, { kind, extra, pair, trigger, number: 100 + i, hasUnique: !partitioned }),
  );
  const names = fields.map(({ name }) => name);
  const file = isNdjson
    ? records.map(({ values }) => `${JSON.stringify(values)}\n`).join('')
    : `${names.join(',')}\n${records.map(({ values }) => `${names.map((name) => `"${values[name]!.replaceAll('"', '""')}"`).join(',')}\n`).join('')}`;
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
    ddl: (columns) => tableSql({ kind, extra, unique, pair, trigger, partitioned, textFormat, owner, columns }),
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
    sessions: pick([1, 2, 3]),
  };
}

interface RecordOptions {
  kind: KeyKind;
  extra: ColumnKind;
  pair: boolean;
  trigger: Trigger;
  /** The number of a key that no other record has. */
  number: number;
  hasUnique: boolean;
}

function randomRecord(random: Random, { kind, extra, pair, trigger, number, hasUnique }: RecordOptions): RandomRecord {
  const { below, pick, chance } = random;
  const keepsOut = trigger === 'suppress' || trigger === 'deferred';
  const fault = chance(5)
    ? pick([
        'check',
        'parent',
        'round',
        ...(hasUnique ? ['unique'] : []),
        ...(keepsOut ? ['none'] : []),
        ...(extra.altered.length > 0 ? ['altered'] : []),
        ...(extra.refused.length > 0 ? ['refused'] : []),
      ])
    : null;
  // A record that the table refuses has a key of its own: with an equal key, either fault may be found first.
  const key = fault === null ? below(FEW) : number;
  const values: Record<string, string> = {
    k: kind.spell(key, random),
    ...(pair ? { k2: String(below(2)) } : {}),
    v: fault === 'check' ? 'forbidden' : fault === 'none' ? 'none' : `v${below(100)}`,
    n: fault === 'round' ? '1.239' : pick(['1.5', '2', '-0.25', '']),
    at: pick(['2025-06-01T10:00:00+02:00', '2025-06-01T10:00:00Z', '']),
    parent: fault === 'parent' ? '99' : pick(['1', '2', '']),
    u: fault === 'unique' ? '1' : '',
    x: pick(['7', '']),
    e:
      fault === 'altered' ? pick(extra.altered) : fault === 'refused' ? pick(extra.refused) : pick([...extra.good, '']),
  };
  return { values, altered: fault === 'round' || fault === 'altered' };
}

interface TableOptions {
  kind: KeyKind;
  extra: ColumnKind;
  unique: UniqueKind;
  pair: boolean;
  trigger: Trigger;
  partitioned: boolean;
  /** A column of the type oid has no binary form here, so that all rows go as text. */
  textFormat: boolean;
  owner: boolean;
  columns: string;
}

function tableSql(options: TableOptions): string {
  const { kind, extra, unique, pair, trigger, partitioned, textFormat, owner, columns } = options;
  return `
    CREATE TABLE parents (id integer PRIMARY KEY);
    INSERT INTO parents VALUES (1), (2);
    CREATE TABLE items (k ${kind.type}, ${pair ? 'k2 integer,' : ''} v text CHECK (v <> 'forbidden'), n numeric(10,2),
      at timestamp, parent integer REFERENCES parents, u integer ${unique.constraint}, x ${textFormat ? 'oid' : 'bigint'},
      e ${extra.type}, d integer DEFAULT 7, g text GENERATED ALWAYS AS (upper(v)) STORED,
      touched timestamptz ${owner ? ', upload uuid, row bigint' : ''} ${columns}, PRIMARY KEY (${pair ? 'k, k2' : 'k'}))
      ${partitioned ? 'PARTITION BY HASH (k)' : ''};
    ${partitioned ? [0, 1].map((i) => `CREATE TABLE items_${i} PARTITION OF items FOR VALUES WITH (MODULUS 2, REMAINDER ${i});`).join('') : ''}
    ${unique.index} ${triggerSql(trigger, kind.change)}
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
