/** Opens a database for a program that writes to its ledger. The first use of a database brings its ledger up to date. */
import { Fault } from '#common/faults.ts';
import type { Database } from '#ledger/client/database.ts';
import type { Databases, SecretRef } from './databases.ts';
import { prepareLedger } from './prepare-ledger.ts';

/** @throws Fault when the database fails or somebody has to prepare its ledger, KubeError when its Secret cannot be read */
export async function openLedger(databases: Pick<Databases, 'open'>, secret: SecretRef): Promise<Database> {
  const database = await databases.open(secret);
  await prepareOnce(database);
  return database;
}

/** For each database, the one preparation of its ledger that all callers share, finished or still running. */
const prepared = new WeakMap<Database, Promise<void>>();

function prepareOnce(database: Database): Promise<void> {
  const earlier = prepared.get(database);
  if (earlier !== undefined) return earlier;
  const preparing = prepare(database);
  prepared.set(database, preparing);
  preparing.catch(() => prepared.delete(database));
  return preparing;
}

/** Bridge and gateway migrate with the role of the Secret itself; the operator alone reads that of the migrating role. */
async function prepare(database: Database): Promise<void> {
  const wrong = await prepareLedger({ database, findMigrator: async () => null });
  if (wrong === null) return;
  throw new Fault({ code: 'DB_LEDGER', category: 'permanent', ...wrong });
}
