/** Describes the machine and the server of a measurement, as far as they matter for its numbers. */
import { execFile } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { promisify } from 'node:util';
import { withClient } from '#support/database/database.ts';
import { SETTINGS, type Stage } from './stage.ts';

const exec = promisify(execFile);

export interface Machine {
  cores: number;
  model: string;
  memoryGB: number;
  versions: Record<string, string>;
  /** Settings of the PostgreSQL server, as the server itself reports them. */
  settings: Record<string, string>;
}

export async function describeMachine(stage: Stage): Promise<Machine> {
  const names = ['server_version', ...Object.keys(SETTINGS)];
  const { rows } = await withClient(stage.bench.postgres.url, (client) =>
    client.query<{ name: string; value: string }>(
      'SELECT name, current_setting(name) AS value FROM unnest($1::text[]) AS name',
      [names],
    ),
  );
  const { server_version, ...settings } = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  const processors = cpus();
  return {
    cores: processors.length,
    model: processors[0]?.model.trim() ?? 'unknown',
    memoryGB: Math.round(totalmem() / 1e9),
    versions: {
      Linux: release(),
      Node: process.versions.node,
      PostgreSQL: server_version!,
      ...(await versionOf('psql')),
      ...(await versionOf('pgloader')),
    },
    settings,
  };
}

/** @returns an empty object for a program that is not installed */
async function versionOf(program: string): Promise<Record<string, string>> {
  const output = await exec(program, ['--version']).catch(() => null);
  const version = output && /\d+\.\d+(\.\d+)?/.exec(output.stdout)?.[0];
  return version ? { [program]: version } : {};
}
