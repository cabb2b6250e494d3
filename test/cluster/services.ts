/**
 * This program starts PostgreSQL and S3 for the cluster on this machine: `services.ts HOST_ADDRESS BUCKET`, with
 * STATE_DIR in the environment. Both servers listen on 127.0.0.1 and on HOST_ADDRESS, where pods reach them, and
 * outlive this process. services.json keeps their ids, ports and secrets, so that a server that died comes back with
 * its data under the same address. services.sh stops them by their pid files.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, HeadBucketCommand, S3Client } from '@aws-sdk/client-s3';
import pg from 'pg';
import { startPostgres } from '#support/database/postgres.ts';
import { findFreePort } from '#support/process/server-process.ts';
import { startS3Server } from '#support/storage/s3-server.ts';

const stateDir = process.env['STATE_DIR'];
if (!stateDir) throw new Error('STATE_DIR is not set');
const stateFile = join(stateDir, 'services.json');

interface Service {
  pid: number | undefined;
  port: number;
  hostAddress: string | undefined;
}

interface State {
  postgres: Service & { password: string; appPassword: string };
  s3: Service & { accessKeyId: string; secretAccessKey: string; region: string };
}

async function readState(): Promise<State> {
  try {
    return JSON.parse(readFileSync(stateFile, 'utf8'));
  } catch {
    const secret = () => randomBytes(20).toString('hex');
    const stopped = { pid: undefined, hostAddress: undefined };
    return {
      postgres: { ...stopped, port: await findFreePort(15432), password: secret(), appPassword: secret() },
      s3: {
        ...stopped,
        port: await findFreePort(17070),
        accessKeyId: `BU${randomBytes(9).toString('hex').toUpperCase()}`,
        secretAccessKey: secret(),
        region: 'us-east-1',
      },
    };
  }
}

function writeState(state: State): void {
  writeFileSync(`${stateFile}.new`, JSON.stringify(state, null, 2), { mode: 0o600 });
  renameSync(`${stateFile}.new`, stateFile);
  for (const [program, { pid }] of [
    ['postgres', state.postgres],
    ['versitygw', state.s3],
  ] as const) {
    if (pid) writeFileSync(join(stateDir!, `${program}.pid`), `${pid}\n`);
  }
}

/** Tells whether the process is still the program that was started here, and not another one that got its id. */
async function isRunning(service: Service, program: string): Promise<boolean> {
  if (!service.pid) return false;
  const name = await readFile(`/proc/${service.pid}/comm`, 'utf8').catch(() => '');
  return name.trim() === program;
}

async function stop(service: Service, program: string, signal: NodeJS.Signals): Promise<void> {
  if (!(await isRunning(service, program))) return;
  process.kill(service.pid!, signal);
  for (let waited = 0; await isRunning(service, program); waited += 50) {
    if (waited > 20_000) process.kill(service.pid!, 'SIGKILL');
    await sleep(50);
  }
  console.error(`    stopped ${program} ${service.pid}`);
}

async function upPostgres(state: State, hostAddress: string): Promise<string> {
  const { postgres } = state;
  if (postgres.hostAddress !== hostAddress) await stop(postgres, 'postgres', 'SIGINT');
  if (!(await isRunning(postgres, 'postgres'))) {
    const { pid } = await startPostgres({
      port: postgres.port,
      listenAddresses: [hostAddress],
      dataDir: join(stateDir!, 'postgres'),
      password: postgres.password,
      // fsync stays on: tests of crashes prove something only on a server that keeps its commits after a crash.
      settings: { max_connections: 200, shared_buffers: '512MB', max_wal_size: '4GB' },
      detached: true,
    });
    Object.assign(postgres, { pid, hostAddress });
    writeState(state);
    await createAppDatabase(postgres);
  }
  return `PostgreSQL 18: port ${postgres.port}, process ${postgres.pid}`;
}

/** The role `app` owns its database and has no other rights, as on a managed server. */
async function createAppDatabase({ port, password, appPassword }: State['postgres']): Promise<void> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'postgres', password, database: 'postgres' });
  await client.connect();
  try {
    const { rowCount } = await client.query(`select from pg_roles where rolname = 'app'`);
    if (rowCount === 0) await client.query(`create role app login password '${appPassword}'`);
    const database = await client.query(`select from pg_database where datname = 'app'`);
    if (database.rowCount === 0) await client.query('create database app owner app');
  } finally {
    await client.end();
  }
}

async function upS3(state: State, hostAddress: string, bucket: string): Promise<string> {
  const { s3 } = state;
  if (s3.hostAddress !== hostAddress) await stop(s3, 'versitygw', 'SIGTERM');
  if (!(await isRunning(s3, 'versitygw'))) {
    const { pid } = await startS3Server({
      port: s3.port,
      region: s3.region,
      accessKeyId: s3.accessKeyId,
      secretAccessKey: s3.secretAccessKey,
      listenAddresses: [hostAddress],
      folder: join(stateDir!, 's3'),
      versioning: true,
      detached: true,
    });
    Object.assign(s3, { pid, hostAddress });
    writeState(state);
  }
  const client = new S3Client({
    endpoint: `http://127.0.0.1:${s3.port}`,
    region: s3.region,
    forcePathStyle: true,
    credentials: s3,
  });
  try {
    await client.send(new HeadBucketCommand({ Bucket: bucket }));
  } catch {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
  }
  return `S3: port ${s3.port}, process ${s3.pid}, bucket ${bucket}`;
}

function environmentOf({ postgres, s3 }: State, hostAddress: string, bucket: string): Record<string, string> {
  const app = (host: string) => `postgresql://app:${postgres.appPassword}@${host}:${postgres.port}/app`;
  return {
    DATABASE_URL: app('127.0.0.1'),
    POD_DATABASE_URL: app(hostAddress),
    ADMIN_DATABASE_URL: `postgresql://postgres:${postgres.password}@127.0.0.1:${postgres.port}/app`,
    AWS_ENDPOINT_URL_S3: `http://127.0.0.1:${s3.port}`,
    POD_S3_ENDPOINT: `http://${hostAddress}:${s3.port}`,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    S3_BUCKET: bucket,
  };
}

/** Prints the environment as lines for a shell to standard output, and progress to standard error. */
async function up(hostAddress: string, bucket: string): Promise<void> {
  await mkdir(stateDir!, { recursive: true });
  const state = await readState();
  const lines = await Promise.all([upPostgres(state, hostAddress), upS3(state, hostAddress, bucket)]);
  for (const line of lines) console.error(`    ${line}`);
  for (const [name, value] of Object.entries(environmentOf(state, hostAddress, bucket))) {
    console.log(`export ${name}=${value}`);
  }
}

const [hostAddress, bucket] = process.argv.slice(2);
if (!hostAddress || !bucket) throw new Error('usage: services.ts HOST_ADDRESS BUCKET');
await up(hostAddress, bucket);
