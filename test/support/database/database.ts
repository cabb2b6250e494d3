/** Makes empty databases in a test's own server. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { Postgres } from './postgres.ts';

/** Makes an empty database. @returns its URI. */
export async function createDatabase(server: Postgres): Promise<string> {
  const name = `t_${randomUUID().replaceAll('-', '')}`;
  await withClient(server.url, (client) => client.query(`CREATE DATABASE ${name}`));
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
