/** Makes databases in a test's own server. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { migrate } from '#ledger/migrate.ts';
import type { Postgres } from './postgres.ts';

/** Makes an empty database. @returns its URI. */
export function createDatabase(server: Postgres): Promise<string> {
  return create(server, '');
}

const templates = new WeakMap<Postgres, Promise<string>>();

/**
 * Makes a database with a ledger, as a copy of one that is made once for each server, since the migrations take longer
 * than most tests. @returns its URI.
 */
export async function createLedgerDatabase(server: Postgres): Promise<string> {
  const made = templates.get(server) ?? makeTemplate(server);
  templates.set(server, made);
  return create(server, `TEMPLATE ${await made}`);
}

async function makeTemplate(server: Postgres): Promise<string> {
  const url = await createDatabase(server);
  await withClient(url, migrate);
  return new URL(url).pathname.slice(1);
}

async function create(server: Postgres, options: string): Promise<string> {
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  // The other strategy of version 18, which writes the copy into the WAL, takes three times as long. Version 14 has none.
  const strategy = server.version === 14 ? '' : 'STRATEGY FILE_COPY';
  await withClient(server.url, (client) => client.query(`CREATE DATABASE ${name} ${options} ${strategy}`));
  return server.url.replace(/\/postgres$/, `/${name}`);
}

export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
