/**
 * One database as the operator uses it: a few connections, time limits on everything, and one progress query a tick for
 * all active uploads. While a database is down and its backoff lasts, every call fails at once, so that this database
 * never holds the workers that other databases' uploads need.
 */
import pg from 'pg';
import { backoffMs } from '#common/backoff.ts';
import { type Clock, sleep } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import type { Logger } from '#common/log.ts';
import { createSemaphore } from '#common/semaphore.ts';
import { createRoute, type DatabaseAddress, type Route } from '#ledger/connection/database-uri.ts';
import { type Lineage, readLineage } from '#ledger/connection/lineage.ts';
import { oneHelper } from '#ledger/connection/one-helper.ts';
import { assertWritable, READ_ONLY, sqlState } from '#ledger/connection/postgres.ts';
import { readLedgerState } from '#ledger/migrate.ts';
import type { ErrorSummary, UploadProgress } from '#ledger/types.ts';
import { withLockPatience } from '#ledger/uploads/lock-upload.ts';
import { type FileColumns, readColumns } from '#ledger/uploads/read-columns.ts';
import { readProgress, readTopErrors } from '#ledger/uploads/read-progress.ts';
import { assertDirect, classify, isLost, ledgerOutdated, openClient } from './pool-connection.ts';

export interface DatabaseDeps {
  config: DatabaseAddress;
  tickMs: number;
  clock: Clock;
  log: Logger;
  /** Called with every row that was read, before the row's watchers are notified. */
  onRow?: ((row: UploadProgress) => void) | undefined;
  /** Called when the server refuses the credentials. */
  onDenied?: (() => void) | undefined;
}

/** One look at an upload's row. */
export interface Reading {
  /** Null when the ledger has no such upload. */
  row: UploadProgress | null;
  /** Monotonic time in ms, taken before the query was sent. */
  at: number;
  /** The history that the database had then, where the server says so. */
  lineage: Lineage | null;
}

/**
 * Connections for work. Polling has a connection of its own, so that a finish that waits for locks does not stop it.
 */
const WORK_CONNECTIONS = 2;
const WORK_TIMEOUT_MS = 30_000;
const POLL_TIMEOUT_MS = 10_000;
/** Work that waits for a connection looks this often whether the work before it moves. */
const PATIENCE_MS = 1_000;
/** A timer that is later than this tells that the operator's own process did not run. */
const LATE_MS = 500;
/** Work that takes longer than this means that the database is held up, by a lock or by load. */
const SLOW_MS = 2_000;
/** A database that was held up counts as held up for this time after: one that is always slow must not seem mended. */
const BUSY_MS = 30_000;
/** The server's limit of a helper's statements, and our own for a server that does not answer any more. */
const HELPER_TIMEOUTS = { statement_timeout: POLL_TIMEOUT_MS, query_timeout: POLL_TIMEOUT_MS + 5_000 };
const BACKOFF = { baseMs: 1000, maxMs: 10_000 };
const NO_LEDGER = new Set(['42P01', '3F000']);

/**
 * | state | `#fault`       | work                           | progress query               |
 * |-------|----------------|--------------------------------|------------------------------|
 * | up    | null           | is tried                       | every tick, while it watches |
 * | down  | the last fault | fails with it until `#retryAt` | after every backoff          |
 */
export class Database {
  readonly #deps: DatabaseDeps;
  readonly #route: Route;
  readonly #work: pg.Pool;
  readonly #poll: pg.Pool;
  readonly #gate = createSemaphore(WORK_CONNECTIONS);
  /** The work that holds a slot, the oldest first. */
  readonly #running = new Set<{ at: number }>();
  readonly #watched = new Map<string, { notify: () => void; reading: Reading | null }>();
  /** The lineage of the server at the end of each connection, which stays as it is. A standby's is not kept, since it may be promoted. */
  readonly #lineages = new WeakMap<pg.PoolClient, Lineage | null>();
  readonly #closed = new AbortController();
  readonly #openHelper = oneHelper(() => openClient(this.#deps.config, HELPER_TIMEOUTS));
  #fault: Fault | null = null;
  /** Failures since the last success. */
  #failures = 0;
  /** Failures of all time. */
  #faults = 0;
  #retryAt = 0;
  #busyUntil = 0;
  #checked = false;
  #hasConnected = false;
  #isCurrent = false;
  #polling: Promise<void> | null = null;
  #lastUsed: number;

  constructor(deps: DatabaseDeps) {
    this.#deps = deps;
    this.#lastUsed = deps.clock.monotonic();
    this.#route = createRoute(deps.config);
    this.#work = createPool(
      { ...deps, config: this.#route.config },
      { max: WORK_CONNECTIONS, timeoutMs: WORK_TIMEOUT_MS },
    );
    this.#poll = createPool({ ...deps, config: this.#route.config }, { max: 1, timeoutMs: POLL_TIMEOUT_MS });
  }

  /** Milliseconds since the database was last used; 0 while an upload is watched or work runs. */
  get idleMs(): number {
    if (this.#watched.size > 0 || this.#gate.active > 0) return 0;
    return this.#deps.clock.monotonic() - this.#lastUsed;
  }

  /** Identifies the database: its servers, in whatever order and case they are named, and its name. */
  get place(): string {
    const { hosts } = this.#deps.config;
    const places = hosts.map(({ config: { host, port, database } }) => `${host?.toLowerCase()}:${port}/${database}`);
    return places.sort().join();
  }

  get fault(): Fault | null {
    return this.#fault;
  }

  /** The server has let this database's user in, once at least. */
  get hasConnected(): boolean {
    return this.#hasConnected;
  }

  /** Connections are open, or may be at any moment. Those of a visit close with it. */
  get isConnected(): boolean {
    return this.idleMs === 0 || this.#work.totalCount + this.#poll.totalCount > 0;
  }

  /** Says that the database was held up a moment ago, and for how long, in ms, that still counts; null otherwise. */
  get busy(): { fault: Fault; forMs: number } | null {
    const forMs = this.#busyUntil - this.#deps.clock.monotonic();
    return forMs > 0 ? { fault: busy(), forMs } : null;
  }

  /**
   * Runs statements on a connection.
   * @param options.isVisit closes the connection afterwards. A round through hundreds of databases then holds only the
   * connections of those that it visits at the moment.
   * @throws Fault for errors of the database or the network; other errors of `work` are passed on.
   */
  async run<T>(work: (client: pg.PoolClient) => Promise<T>, { isVisit = false } = {}): Promise<T> {
    this.#lastUsed = this.#deps.clock.monotonic();
    this.#failIfDown();
    await this.#enter();
    const started = { at: this.#deps.clock.monotonic() };
    this.#running.add(started);
    try {
      return await this.#with(this.#work, work, isVisit);
    } finally {
      this.#running.delete(started);
      this.#gate.release();
    }
  }

  /**
   * Waits for a slot while the work before moves. Callers of a database that is held up must not wait: they would hold
   * up the work on other databases.
   * @throws Fault DB_BUSY
   */
  async #enter(): Promise<void> {
    const { clock } = this.#deps;
    let isExcused = false;
    for (;;) {
      const askedAt = clock.monotonic();
      const patience = AbortSignal.timeout(PATIENCE_MS);
      try {
        return await this.#gate.acquire(patience);
      } catch (error) {
        if (!patience.aborted) throw error;
      }
      // After a freeze of this process the timers come first, and the answers that wait in the sockets later: the work before gets
      // the time to read them, once.
      const isLate = clock.monotonic() - askedAt > PATIENCE_MS + LATE_MS;
      if (isLate && !isExcused) {
        isExcused = true;
        continue;
      }
      const [oldest] = this.#running;
      const forMs = oldest ? clock.monotonic() - oldest.at : 0;
      if (forMs > SLOW_MS) {
        this.#busyUntil = clock.monotonic() + BUSY_MS;
        throw busy();
      }
    }
  }

  /** Runs a transaction that may have to wait for the upload's pods. Sessions of pods that do not move are ended. */
  finish<T>(
    uploadId: string,
    work: (client: pg.PoolClient) => Promise<T>,
    { isDeleted = false }: { isDeleted?: boolean } = {},
  ): Promise<T> {
    const { log } = this.#deps;
    return this.run((client) =>
      withLockPatience(
        client,
        {
          uploadId,
          isDeleted,
          openHelper: this.#openHelper,
          onTerminated: (pid) =>
            log.warn({ uploadId, pid }, 'ended a session that held a lock of this upload and did not move'),
        },
        () => work(client),
      ),
    );
  }

  /** Reads one upload now. @throws Fault */
  async read(id: string): Promise<Reading> {
    const at = this.#deps.clock.monotonic();
    const { rows, lineage } = await this.run((client) => this.#readRows(client, [id]));
    return this.#keep(id, { row: rows.get(id) ?? null, at, lineage });
  }

  readTopErrors(id: string): Promise<ErrorSummary[]> {
    return this.run((client) => readTopErrors(client, id));
  }

  readColumns(id: string): Promise<FileColumns | null> {
    return this.run((client) => readColumns(client, id));
  }

  /** @returns the last reading of a watched upload; null before the first one. */
  last(id: string): Reading | null {
    return this.#watched.get(id)?.reading ?? null;
  }

  /** Adds the upload to every tick's query. `notify` is called when its row or the database's state changes. */
  watch(id: string, notify: () => void): void {
    const known = this.#watched.get(id);
    if (known) known.notify = notify;
    else this.#watched.set(id, { notify, reading: null });
    this.#startPolling();
  }

  unwatch(id: string): void {
    this.#watched.delete(id);
    this.#lastUsed = this.#deps.clock.monotonic();
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#watched.clear();
    await this.#polling;
    await Promise.allSettled([this.#work.end(), this.#poll.end()]);
  }

  #failIfDown(): void {
    if (this.#closed.signal.aborted) throw closed();
    if (this.#fault !== null && this.#deps.clock.monotonic() < this.#retryAt) throw this.#fault;
  }

  async #with<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>, isVisit = false): Promise<T> {
    // While this call waited at the gate, another one may have found the database down.
    this.#failIfDown();
    const faults = this.#faults;
    const client = await this.#connect(pool);
    const { config } = this.#route;
    try {
      const result = await work(client);
      client.release(isVisit);
      // Work on a connection that was there before the last failure says nothing about the database of now.
      if (this.#faults === faults) this.#succeeded();
      return result;
    } catch (error) {
      const fault = classify(error);
      // A connection in an unknown state is not used again.
      client.release(isLost(error) || isVisit);
      if (!isLost(error)) throw fault;
      this.#turn(error, config);
      throw this.#failed(fault);
    }
  }

  async #connect(pool: pg.Pool): Promise<pg.PoolClient> {
    for (;;) {
      const { config } = this.#route;
      try {
        const client = await pool.connect();
        this.#hasConnected = true;
        if (!leadsTo(client, this.#route.config)) {
          client.release(true);
          continue;
        }
        if (this.#checked) return client;
        try {
          await assertDirect(client);
          // Reads alone would take a server that refuses writes for one that can be used again.
          const mustWrite = this.#route.mustWrite || this.#fault?.code === `DB_${READ_ONLY}`;
          if (mustWrite) await assertWritable(client);
        } catch (error) {
          client.release(true);
          throw error;
        }
        this.#checked = true;
        return client;
      } catch (error) {
        if (!this.#turn(error, config)) throw this.#failed(classify(error));
      }
    }
  }

  /** Lets new connections of both pools go to the next server. @returns false when all servers have been tried */
  #turn(error: unknown, tried: pg.ClientConfig): boolean {
    const isLeft = this.#route.next(error, tried);
    const { host, port, ssl } = this.#route.config;
    for (const { options } of [this.#work, this.#poll]) Object.assign(options, { host, port, ssl });
    this.#checked = false;
    return isLeft;
  }

  #failed(fault: unknown): unknown {
    if (!(fault instanceof Fault)) return fault;
    const { clock, log } = this.#deps;
    const first = this.#fault === null;
    this.#fault = fault;
    this.#failures += 1;
    this.#faults += 1;
    this.#retryAt = clock.monotonic() + backoffMs(this.#failures, BACKOFF);
    if (first) log.warn({ code: fault.code, host: this.#route.config.host }, 'a database cannot be used');
    if (fault.code === 'DB_AUTHENTICATION') this.#deps.onDenied?.();
    if (first) this.#notifyAll();
    return fault;
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#route.succeeded();
    if (this.#fault === null) return;
    this.#fault = null;
    this.#deps.log.info({ host: this.#route.config.host }, 'a database can be used again');
    this.#notifyAll();
  }

  #notifyAll(): void {
    for (const { notify } of this.#watched.values()) notify();
  }

  #startPolling(): void {
    this.#polling ??= this.#pollWhileWatched().finally(() => {
      this.#polling = null;
      // A watch may have begun while this polling ended.
      if (this.#watched.size > 0 && !this.#closed.signal.aborted) this.#startPolling();
    });
  }

  async #pollWhileWatched(): Promise<void> {
    const { clock, tickMs } = this.#deps;
    const { signal } = this.#closed;
    while (this.#watched.size > 0 && !signal.aborted) {
      await sleep(clock, Math.max(tickMs, this.#retryAt - clock.monotonic()), signal);
      if (signal.aborted) return;
      await this.#pollOnce().catch((error) => this.#deps.log.debug({ err: error }, 'reading progress failed'));
    }
  }

  async #pollOnce(): Promise<void> {
    const ids = [...this.#watched.keys()];
    if (ids.length === 0) return;
    const at = this.#deps.clock.monotonic();
    const read = (client: pg.PoolClient) => this.#readRows(client, ids);
    // Where new connections are refused, the one of the polling may live on, and would take the database for up each time.
    const { rows, lineage } = await (this.#fault === null
      ? this.#with(this.#poll, read)
      : this.run(read, { isVisit: true }));
    for (const id of ids) {
      const before = this.#watched.get(id);
      if (before === undefined) continue;
      const seen = before.reading;
      this.#keep(id, { row: rows.get(id) ?? null, at, lineage });
      if (seen === null || mark(seen.row) !== mark(rows.get(id) ?? null)) before.notify();
    }
  }

  /**
   * @throws Fault DB_LEDGER_OUTDATED when the ledger is older than this program: pods may need columns that it lacks.
   */
  async #readRows(
    client: pg.PoolClient,
    ids: string[],
  ): Promise<{ rows: Map<string, UploadProgress>; lineage: Lineage | null }> {
    const lineage = await this.#lineageOf(client);
    if (!this.#isCurrent) {
      const state = await readLedgerState(client);
      // Without a ledger no upload was ever opened in this database.
      if (state === 'missing') return { rows: new Map(), lineage };
      if (state === 'outdated') throw ledgerOutdated();
      this.#isCurrent = true;
    }
    try {
      return { rows: await readProgress(client, ids), lineage };
    } catch (error) {
      if (!NO_LEDGER.has(sqlState(error) ?? '')) throw error;
      // The ledger or the whole database was dropped and created anew.
      this.#isCurrent = false;
      return { rows: new Map(), lineage };
    }
  }

  async #lineageOf(client: pg.PoolClient): Promise<Lineage | null> {
    const known = this.#lineages.get(client);
    if (known !== undefined) return known;
    const lineage = await readLineage(client);
    if (lineage !== undefined) this.#lineages.set(client, lineage);
    return lineage ?? null;
  }

  #keep(id: string, reading: Reading): Reading {
    if (reading.row) this.#deps.onRow?.(reading.row);
    const entry = this.#watched.get(id);
    // The answer of a slow poll must not replace a reading that began later.
    if (entry && (entry.reading === null || entry.reading.at <= reading.at)) entry.reading = reading;
    return reading;
  }
}

/** Somebody has kept this database for longer than its Secret has had this content. */
function closed(): Fault {
  return new Fault({
    code: 'DB_CONNECTION',
    category: 'retryable',
    reason: 'DatabaseUnavailable',
    message: 'The connections to the database were closed, since nothing used them any more. The work is tried again.',
  });
}

/** A connection of before a turn leads to the server that was left: perhaps a primary that was, whose rows stay as they were. */
function leadsTo(client: pg.PoolClient, { host, port }: pg.ClientConfig): boolean {
  const known = client as unknown as pg.Client;
  return known.host === host && known.port === port;
}

/** The message is the same each time: a status with a new number would be written, observed and written again for ever. */
function busy(): Fault {
  return new Fault({
    code: 'DB_BUSY',
    category: 'retryable',
    reason: 'DatabaseUnavailable',
    message: `The database answers slowly: a statement has run for more than ${SLOW_MS / 1000} s, and others wait for it. A lock on the tables of the schema batch_upload or too much load is the cause; see pg_stat_activity. The work goes on by itself.`,
  });
}

/** Two rows with equal marks need no new look at their upload: only the time for which pods work has grown, as it always does. */
function mark(row: UploadProgress | null): string {
  return JSON.stringify(row && { ...row, activeMs: 0, activeForMs: row.activeForMs === null ? null : 0 });
}

function createPool(
  { config, log }: { config: pg.ClientConfig } & Pick<DatabaseDeps, 'log'>,
  { max, timeoutMs }: { max: number; timeoutMs: number },
): pg.Pool {
  const pool = new pg.Pool({
    ...config,
    max,
    statement_timeout: timeoutMs,
    // This limit of the client holds when not even the network answers.
    query_timeout: timeoutMs + 5_000,
    // With hundreds of databases every connection that stays open counts.
    idleTimeoutMillis: 10_000,
    // A test or a short command must be able to exit while connections are idle.
    allowExitOnIdle: true,
  });
  pool.on('error', (error) => log.debug({ err: error }, 'an idle connection was lost'));
  // The pool listens only while a connection is idle. The statement that runs fails by itself, and an error that nobody listens
  // to would end the process.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
