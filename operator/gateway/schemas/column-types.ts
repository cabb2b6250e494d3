/** The types of the columns into which a schema's records go, read from the default database of the namespace. */
import { DEFAULT_NAMES } from '#api/defaults.ts';
import { sleep } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import type { RecordSchema } from '#kube/custom-resources.ts';
import { KubeError } from '#kube/errors.ts';
import { sqlState } from '#ledger/connection/postgres.ts';
import type { GatewayDeps } from '#operator/gateway/model/types.ts';
import { createdTypes } from '#runner/target/create-target.ts';
import { quoteTable } from '#runner/target/names.ts';
import { readTargetColumns } from '#runner/target/read-columns.ts';

export interface KnownTypes {
  /** Null: the table could not be looked at, and `message` says why. */
  columnTypes: { oid: number; modifier: number }[] | null;
  message?: string;
}

export interface ColumnTypes {
  /** Never waits longer than some seconds, and never throws for what is wrong with a database. */
  of(schema: RecordSchema): Promise<KnownTypes>;
}

/** A table that is altered is seen altered after this time, in ms. */
const REUSE_MS = 5_000;
/** A person waits for the answer, and a check without the types is better than none. */
const PATIENCE_MS = 5_000;
const NO_TABLE = new Set(['42P01', '3F000']);

type Deps = Pick<GatewayDeps, 'databases' | 'clock' | 'signal'>;

export function createColumnTypes(deps: Deps): ColumnTypes {
  const { clock, signal } = deps;
  // A schema that changes is another object, so that this holds no more entries than there are schemas.
  const known = new WeakMap<RecordSchema, { types: Promise<KnownTypes>; until: number }>();

  function look(schema: RecordSchema): Promise<KnownTypes> {
    const earlier = known.get(schema);
    if (earlier !== undefined && clock.monotonic() < earlier.until) return earlier.types;
    const entry = { types: readTypes(deps, schema), until: Number.POSITIVE_INFINITY };
    known.set(schema, entry);
    // Whoever asks while the database is being asked shares the answer, however long the database takes.
    const keep = () => {
      entry.until = clock.monotonic() + REUSE_MS;
    };
    entry.types.then(keep, keep);
    return entry.types;
  }

  return {
    async of(schema) {
      const patience = new AbortController();
      const late = sleep(clock, PATIENCE_MS, AbortSignal.any([signal, patience.signal])).then(() => unknown(LATE));
      try {
        return await Promise.race([look(schema), late]);
      } finally {
        patience.abort();
      }
    },
  };
}

const LATE = 'The database does not answer.';

async function readTypes({ databases }: Deps, { metadata: { namespace }, spec }: RecordSchema): Promise<KnownTypes> {
  try {
    const database = await databases.open({ namespace, name: DEFAULT_NAMES.databaseSecret });
    return await database.run(async (client) => {
      const columns = spec.target.columns.map(({ name }) => name);
      try {
        const { baseTypes } = await readTargetColumns(client, { table: quoteTable(spec.target.table), columns });
        return baseTypes === null
          ? unknown('The table of the schema lacks a column that the schema fills.')
          : { columnTypes: baseTypes };
      } catch (error) {
        if (!NO_TABLE.has(sqlState(error) ?? '')) throw error;
        return spec.target.create
          ? { columnTypes: createdTypes(spec) }
          : unknown('The table of the schema does not exist.');
      }
    });
  } catch (error) {
    if (error instanceof Fault || error instanceof KubeError) return unknown(error.message);
    throw error;
  }
}

function unknown(why: string): KnownTypes {
  return {
    columnTypes: null,
    message: `${why} So it is not known which values its columns have no room for: the upload itself will tell.`,
  };
}
