/** What random tables have besides a key: a column of any type, a unique index of any kind, and triggers. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';

export interface ColumnKind {
  type: string;
  field: RecordSchemaSpec['fields'][number]['type'];
  /** Values that PostgreSQL stores as they are. */
  good: readonly string[];
  /** Values that PostgreSQL would take and alter. */
  altered: readonly string[];
  /** Values that PostgreSQL refuses. */
  refused: readonly string[];
}

const text = (type: string, good: string[], altered: string[], refused: string[]): ColumnKind => ({
  ...{ type, field: 'string' as const, good, altered, refused },
});

export const COLUMN_KINDS: readonly ColumnKind[] = [
  text('varchar(3)', ['abc', 'ab ', 'äöü'], ['abc '], ['abcd']),
  text('char(5)', ['ab', 'ab   '], [], ['abcdef']),
  { type: 'real', field: 'number', good: ['0.5', '1e3', '0.1'], altered: ['16777217'], refused: ['1e39'] },
  { type: 'double precision', field: 'number', good: ['0.1'], altered: ['9007199254740993'], refused: ['1e400'] },
  text('jsonb', ['{"a":1}', '[1,2]'], ['{"a":1,"a":2}'], ['{']),
  { type: 'jsonb', field: 'object', good: ['{"a":"b,c"}'], altered: [], refused: [] },
  text('numeric(10,2)[]', ['{1.5,NULL}', '{}'], ['{1.239}'], ['{x}']),
  text('date', ['2025-01-31', 'infinity'], ['2025-01-31 12:00'], ['2025-02-30']),
  text('timestamptz', ['2025-01-31 12:00+02', '-infinity'], ['now'], ['x']),
  text('interval(0)', ['1 day', '00:00:01'], ['1.5 seconds'], ['x']),
  text('tsrange', ['[2025-01-01,2025-02-01)', 'empty'], ['["2025-01-01 12:00+02",)'], ['x']),
  { type: 'positive', field: 'integer', good: ['1', '02'], altered: [], refused: ['-1'] },
  text('mood', ['sad', 'ok'], [], ['glad']),
  text('short', ['ab', 'ab '], ['abc '], ['abcd']),
  text('inet', ['10.0.0.1/8', '::1'], [], ['x']),
  text('bytea', ['\\x00ff'], [], ['\\x0']),
];

/** Makes the types of some columns and the collation of some keys, for which letter case makes no difference. */
export const TYPES_SQL = `CREATE EXTENSION citext;
  CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
  CREATE DOMAIN positive AS integer CHECK (VALUE > 0); CREATE TYPE mood AS ENUM ('sad', 'ok');
  CREATE DOMAIN short AS varchar(3)`;

/** How the column `u` is unique: by a constraint of the column, or by an index. */
export const UNIQUE_KINDS = [
  { constraint: 'UNIQUE', index: '' },
  { constraint: 'UNIQUE DEFERRABLE INITIALLY DEFERRED', index: '' },
  { constraint: '', index: 'CREATE UNIQUE INDEX ON items (u) WHERE u < 5;' },
  { constraint: '', index: 'CREATE UNIQUE INDEX ON items (abs(u)) INCLUDE (v);' },
] as const;

export const NOT_UNIQUE = { constraint: '', index: '' } as const;
export type UniqueKind = (typeof UNIQUE_KINDS)[number] | typeof NOT_UNIQUE;

/** What a trigger does: `suppress` and `deferred` keep records with the value `none` out of the table. */
export const TRIGGERS = ['none', 'none', 'touch', 'change', 'suppress', 'deferred', 'setting'] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** @param change the expression of the key that the trigger `change` assigns */
export function triggerSql(trigger: Trigger, change: string): string {
  if (trigger === 'none') return '';
  const body = {
    touch: 'NEW.touched := now();',
    change: `NEW.k := ${change};`,
    suppress: "IF NEW.v = 'none' THEN RETURN NULL; END IF;",
    deferred: "IF NEW.v = 'none' THEN RAISE EXCEPTION 'none'; END IF;",
    setting: "PERFORM set_config('timezone', 'Asia/Tokyo', false), set_config('datestyle', 'SQL, DMY', true);",
  }[trigger];
  const [what, when] =
    trigger === 'deferred'
      ? ['CONSTRAINT TRIGGER', 'AFTER INSERT OR UPDATE ON items DEFERRABLE INITIALLY DEFERRED']
      : ['TRIGGER', 'BEFORE INSERT OR UPDATE ON items'];
  return `CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN ${body} RETURN NEW; END $f$;
    CREATE ${what} fired ${when} FOR EACH ROW EXECUTE FUNCTION fired();`;
}
