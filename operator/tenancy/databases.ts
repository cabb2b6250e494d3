/** The databases that Secrets name; two Secrets with the same content share one database. */
import { createHash } from 'node:crypto';
import { DATABASE_SECRET_KEYS } from '#api/defaults.ts';
import type { Clock } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import type { Logger } from '#common/log.ts';
import { isForbidden } from '#kube/errors.ts';
import { SECRETS, type Secret } from '#kube/resource-types.ts';
import type { KubeClient } from '#kube/types.ts';
import { Database } from '#ledger/client/database.ts';
import { connectionConfig } from '#ledger/client/pool-connection.ts';
import type { UploadProgress } from '#ledger/types.ts';
import { OPERATOR_CONNECTIONS } from '#operator/config/upload-limits.ts';
import type { Program } from './allow-list.ts';
import { secretMissing } from './secret-missing.ts';

export interface DatabasesDeps {
  client: Pick<KubeClient, 'find'>;
  program: Program;
  clock: Clock;
  log: Logger;
  tickMs: number;
  onRow?: (row: UploadProgress) => void;
}

export interface SecretRef {
  namespace: string;
  name: string;
}

/** Time for which a Secret's content is used without reading the Secret again. */
const REUSE_MS = 30_000;
/** Many uploads that wait for the same Secret share one reading of it in this time. */
const FRESH_MS = 1_000;
/**
 * Time for which the content is used after the server refused the credentials, so that a wrong password does not cause
 * a stream of GETs.
 */
const DENIED_MS = 2_000;
/** The operator visits the databases of so many users at a time, each by one connection. */
export const VISITED_AT_A_TIME = 16;
/** Time without use after which a database's connections are closed. */
const UNUSED_MS = 300_000;

export class Databases {
  readonly #deps: DatabasesDeps;
  readonly #databases = new Map<string, Database>();
  readonly #secrets = new Map<string, { database: Database; readAt: number }>();
  /** Reads under way, which callers at the same time share. */
  readonly #reading = new Map<string, Promise<Database>>();

  constructor(deps: DatabasesDeps) {
    this.#deps = deps;
  }

  /**
   * @param options.fresh reads the Secret again unless its content was read a moment ago.
   * @throws Fault SecretMissing, SecretInvalid, DatabaseAccessDenied (the operator's own right to read the Secret), or
   * KubeError.
   */
  async open(
    ref: SecretRef,
    { fresh = false, signal }: { fresh?: boolean; signal?: AbortSignal } = {},
  ): Promise<Database> {
    const key = `${ref.namespace}/${ref.name}`;
    const { clock } = this.#deps;
    const known = this.#secrets.get(key);
    if (known && clock.monotonic() - known.readAt < (fresh ? FRESH_MS : REUSE_MS)) return known.database;
    const reading = this.#reading.get(key) ?? this.#read(key, ref, signal).finally(() => this.#reading.delete(key));
    this.#reading.set(key, reading);
    return reading;
  }

  async #read(key: string, ref: SecretRef, signal?: AbortSignal): Promise<Database> {
    const config = connectionConfig({ ...(await this.#readSecret(ref, signal)), namespace: ref.namespace });
    const hash = createHash('sha256').update(JSON.stringify(config, withFunctions)).digest('hex');
    const database = this.#databases.get(hash) ?? this.#create(hash, config);
    const before = this.#secrets.get(key)?.database;
    this.#secrets.set(key, { database, readAt: this.#deps.clock.monotonic() });
    if (before !== undefined && before !== database) {
      this.#closeUnnamed().catch((err) => this.#deps.log.debug({ err }, 'a database could not be closed'));
    }
    return database;
  }

  /** The database of a Secret as read last, however long ago. */
  peek({ namespace, name }: SecretRef): Database | undefined {
    return this.#secrets.get(`${namespace}/${name}`)?.database;
  }

  /**
   * The number of users by whom there are connections to this database: each with uploads or open connections. Four others, whom
   * the operator visits now and then, have as many as one of these. A content of a Secret that the server has never accepted has
   * none, and one that no Secret has any more has them only while it is in use.
   */
  countAt(place: string): number {
    let count = 0;
    let visited = 0;
    for (const database of this.#databases.values()) {
      if (database.place !== place || !database.hasConnected) continue;
      if (database.isConnected) count += 1;
      else if (this.#isNamed(database)) visited += 1;
    }
    return count + Math.ceil(Math.min(visited, VISITED_AT_A_TIME) / OPERATOR_CONNECTIONS);
  }

  #isNamed(database: Database): boolean {
    for (const entry of this.#secrets.values()) if (entry.database === database) return true;
    return false;
  }

  get size(): number {
    return this.#databases.size;
  }

  /** Closes the connections of databases that were not used for {@link UNUSED_MS}, or that no Secret names any more. */
  async closeUnused(): Promise<void> {
    await this.#close((database) => database.idleMs >= UNUSED_MS);
    await this.#closeUnnamed();
  }

  /** A Secret whose content changes all the time must not fill the memory. What is in use is closed later. */
  async #closeUnnamed(): Promise<void> {
    await this.#close((database) => database.idleMs >= FRESH_MS && !this.#isNamed(database));
  }

  async #close(isOver: (database: Database) => boolean): Promise<void> {
    for (const [hash, database] of this.#databases) {
      if (!isOver(database)) continue;
      this.#databases.delete(hash);
      for (const [key, entry] of this.#secrets) if (entry.database === database) this.#secrets.delete(key);
      await database.close();
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#databases.values()].map((database) => database.close()));
    this.#databases.clear();
    this.#secrets.clear();
  }

  #create(hash: string, config: ReturnType<typeof connectionConfig>): Database {
    const { clock, log, tickMs, onRow } = this.#deps;
    const database: Database = new Database({
      config,
      clock,
      log,
      tickMs,
      onRow,
      onDenied: () => this.#distrust(database),
    });
    this.#databases.set(hash, database);
    return database;
  }

  /** Makes the next use read the Secret again, because the password may have changed. */
  #distrust(database: Database): void {
    const readAt = this.#deps.clock.monotonic() - REUSE_MS + DENIED_MS;
    for (const entry of this.#secrets.values()) {
      if (entry.database === database) entry.readAt = Math.min(entry.readAt, readAt);
    }
  }

  async #readSecret(ref: SecretRef, signal?: AbortSignal): Promise<{ uri: string; caCert: string | undefined }> {
    const secret = await findSecret(this.#deps, ref, signal);
    if (!secret) throw toFault(secretMissing(ref.namespace, ref.name, 'database'));
    const uri = decodeSecret(secret, DATABASE_SECRET_KEYS.uri);
    if (!uri) {
      throw toFault({
        reason: 'SecretInvalid',
        message: `The Secret ${ref.name} has no key ${DATABASE_SECRET_KEYS.uri}. Add the key with a value such as postgres://user:password@host:5432/database.`,
      });
    }
    return { uri: uri.trim(), caCert: decodeSecret(secret, DATABASE_SECRET_KEYS.caCert) || undefined };
  }
}

/** JSON leaves functions out, and by one of them sslmode=verify-ca differs from verify-full. */
const withFunctions = (_key: string, value: unknown) => (typeof value === 'function' ? String(value) : value);

/** @throws Fault when the program's Role does not name the Secret. */
export async function findSecret(
  { client, program }: Pick<DatabasesDeps, 'client' | 'program'>,
  ref: SecretRef,
  signal?: AbortSignal,
): Promise<Secret | undefined> {
  try {
    return await client.find(SECRETS, ref, { signal, timeoutMs: 10_000 });
  } catch (error) {
    if (!isForbidden(error)) throw error;
    throw toFault({
      reason: 'SecretNotAllowed',
      message: `The ${program} may not read the Secret ${ref.name} in the namespace ${ref.namespace}: the ${program}'s Role there does not name the Secret. Add the namespace to the chart's value uploads.namespaces, or the Secret to the chart's list of names.`,
    });
  }
}

export function decodeSecret(secret: Secret | undefined, key: string): string | undefined {
  const value = secret?.data?.[key];
  return value === undefined ? undefined : Buffer.from(value, 'base64').toString('utf8');
}

function toFault({ reason, message }: { reason: string; message: string }): Fault {
  return new Fault({ code: 'CFG_SECRET', category: 'permanent', reason, message });
}
