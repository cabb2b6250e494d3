/**
 * Two real PostgreSQL servers, of which the second one is a streaming standby of the first one. The stream goes through
 * a proxy, so that a test decides how much of the WAL reaches the standby before the primary is lost.
 */
import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FreezingProxy, startFreezingProxy } from '#support/network/freezing-proxy.ts';
import { findFreePort } from '#support/process/server-process.ts';
import { withClient } from './database.ts';
import { type Postgres, startPostgres } from './postgres.ts';

export interface Replication extends AsyncDisposable {
  /** The server that takes writes until {@link promote}. */
  readonly primary: Postgres;
  readonly standby: Postgres;
  /** The same database with both servers, the primary first, as a Secret names a cluster of databases. */
  both(url: string): string;
  /** The same database on the standby alone. */
  onStandby(url: string): string;
  /** Waits until the standby has replayed everything that is committed now. */
  caughtUp(): Promise<void>;
  /** From now on nothing that the primary writes reaches the standby. */
  loseWal(): void;
  /** From now on the WAL reaches the standby, and the primary never hears about that. */
  loseAnswers(): void;
  /** Ends the primary as a crash does: open transactions are lost, and nobody gets another answer. */
  killPrimary(): Promise<void>;
  /** Promotes the standby. */
  promote(): Promise<void>;
  /** Starts the former primary at its old port, as a standby of the server that was promoted. */
  rejoin(): Promise<Postgres>;
}

export interface ReplicationOptions {
  /** The folder for the data of both servers. */
  folder: string;
  /** The data folder of a server that was stopped, from {@link makeTemplate}. */
  template: string;
  /** Each commit waits for the standby: until it has the WAL on its disk (`on`), or has replayed it. Default: no commit waits. */
  synchronous?: 'on' | 'remote_apply';
  /** The servers listen on these addresses besides 127.0.0.1. */
  listenAddresses?: string[];
}

/** No data has to survive a crash of the machine here, and a server that is killed loses no page. */
const SETTINGS = { fsync: 'off' };

/** Makes a data folder that servers are started from: a copy takes less time than a new one. */
export async function makeTemplate(dataDir: string): Promise<string> {
  await (await startPostgres({ dataDir, settings: SETTINGS })).stop();
  return dataDir;
}

export async function startReplication(options: ReplicationOptions): Promise<Replication> {
  const { folder, template, synchronous, listenAddresses = [] } = options;
  await using stack = new AsyncDisposableStack();
  const first = join(folder, 'first');
  await cp(template, first, { recursive: true });
  const port = await findFreePort();
  const primary = stack.use(await startPostgres({ dataDir: first, port, listenAddresses, settings: SETTINGS }));
  const stream = stack.use(await startFreezingProxy(port));
  const standby = stack.use(
    await startStandby({ of: primary, from: first, dataDir: join(folder, 'second'), stream, listenAddresses }),
  );
  if (synchronous) await waitForStandby(primary, synchronous);
  const running = stack.move();

  return {
    primary,
    standby,
    both: (url) =>
      `${url.replace(/@[^/]*/, `@127.0.0.1:${port},127.0.0.1:${standby.port}`)}?target_session_attrs=read-write`,
    onStandby: (url) => url.replace(/@[^/]*/, `@127.0.0.1:${standby.port}`),
    async caughtUp() {
      const { lsn } = await ask<{ lsn: string }>(primary.url, 'SELECT pg_current_wal_flush_lsn() AS lsn');
      await until(standby.url, `SELECT pg_last_wal_replay_lsn() >= '${lsn}' AS yes`);
    },
    loseWal: () => void stream.freeze(),
    loseAnswers: () => void stream.freeze('upstream'),
    async killPrimary() {
      process.kill(primary.pid, 'SIGQUIT');
      await primary.stop();
    },
    async promote() {
      await ask(standby.url, 'SELECT pg_promote()');
    },
    async rejoin() {
      const dataDir = join(folder, 'third');
      return running.use(await startStandby({ of: standby, from: join(folder, 'second'), dataDir, port }));
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

interface StandbyOptions {
  of: Postgres;
  /** The data folder of `of`. */
  from: string;
  dataDir: string;
  port?: number;
  /** The WAL comes through this proxy; else directly. */
  stream?: FreezingProxy;
  listenAddresses?: string[];
}

/** Starts a standby from a base backup. The package with the programs has no pg_basebackup, which does the same steps. */
async function startStandby({ of, from, dataDir, stream, ...options }: StandbyOptions): Promise<Postgres> {
  await withClient(of.url, async (client) => {
    await client.query(`SELECT pg_backup_start('standby', fast => true)`);
    const left = /^\/(pg_wal\/.|postmaster\.|postgresql\.auto|pg_replslot\/.)/;
    await cp(from, dataDir, { recursive: true, filter: (path) => !left.test(path.slice(from.length)) });
    const { rows } = await client.query<{ labelfile: string }>('SELECT labelfile FROM pg_backup_stop(false)');
    await writeFile(join(dataDir, 'backup_label'), rows[0]!.labelfile);
  });
  await mkdir(join(dataDir, 'pg_wal/archive_status'), { recursive: true });
  await writeFile(join(dataDir, 'standby.signal'), '');
  const primary_conninfo = `host=127.0.0.1 port=${stream?.port ?? of.port} user=postgres password=postgres`;
  return await startPostgres({
    dataDir,
    ...options,
    settings: { ...SETTINGS, primary_conninfo },
  });
}

/** Makes commits wait for the standby, once it streams: without one they would wait for ever. */
async function waitForStandby({ url }: Postgres, synchronous: 'on' | 'remote_apply'): Promise<void> {
  await until(url, `SELECT count(*) = 1 AS yes FROM pg_stat_replication WHERE state = 'streaming'`);
  await ask(url, `ALTER SYSTEM SET synchronous_commit = ${synchronous}`);
  await ask(url, `ALTER SYSTEM SET synchronous_standby_names = '*'`);
  await ask(url, 'SELECT pg_reload_conf()');
  await until(url, `SELECT count(*) = 1 AS yes FROM pg_stat_replication WHERE sync_state = 'sync'`);
}

async function ask<T>(url: string, text: string): Promise<T> {
  return await withClient(url, async (client) => (await client.query(text)).rows[0]);
}

async function until(url: string, text: string): Promise<void> {
  while (!(await ask<{ yes: boolean }>(url, text)).yes) await sleep(20);
}
