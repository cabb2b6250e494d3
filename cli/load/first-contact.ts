/**
 * The first words with the database and the storage. An address where nothing has ever answered is a mistake that a person mends: to call
 * again would not help. A server that has answered once and goes away is waited for.
 */
import type pg from 'pg';
import { InputError } from '#cli/input-error.ts';
import { Fault } from '#common/faults.ts';
import { DEFAULTS } from '#common/job-contract.ts';
import { networkCode } from '#common/network-code.ts';
import { readDatabaseUri } from '#ledger/connection/database-uri.ts';
import { connect } from '#ledger/connection/postgres.ts';
import type { FileStore } from '#runner/storage/file-store.ts';
import type { ObjectIdentity } from '#s3/object-identity.ts';
import type { S3Location } from '#s3/s3-location.ts';
import { LOCK_SESSION } from './file-lock.ts';

/** @throws InputError where nothing answers as PostgreSQL does, Fault for what PostgreSQL answers */
export async function connectFirst(uri: string): Promise<pg.Client> {
  try {
    return await connect({ uri, applicationName: LOCK_SESSION });
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    if (error.code === 'DB_CONNECTION') throw new InputError(explainNoDatabase(uri, error.cause));
    if (error.code === 'DB_AUTHENTICATION' && /no encryption|SSL off/.test((error.cause as Error).message))
      throw new InputError(
        'PostgreSQL refuses this connection without TLS (pg_hba.conf). Add ?sslmode=require to the URI of --database.',
      );
    throw error;
  }
}

/** @throws InputError where no storage answers, Fault for what the storage or the disk says */
export async function headFirst(store: FileStore, location: S3Location, signal: AbortSignal): Promise<ObjectIdentity> {
  try {
    // Five tries within some seconds.
    return await store.head(location, { signal, retrySeconds: 0, stallSeconds: DEFAULTS.stallSeconds });
  } catch (error) {
    if (!(error instanceof Fault) || error.code !== 'S3_UNAVAILABLE') throw error;
    const { $metadata, hostname } = error.cause as { $metadata?: { httpStatusCode?: number }; hostname?: string };
    if ($metadata?.httpStatusCode !== undefined) throw error;
    const at =
      process.env['AWS_ENDPOINT_URL_S3'] ??
      hostname ??
      `AWS S3 in the region ${process.env['AWS_REGION'] ?? 'us-east-1'}`;
    throw new InputError(
      `No storage answers at ${at}: ${explain(error.cause)} Check AWS_ENDPOINT_URL_S3 and AWS_REGION.`,
    );
  }
}

function explainNoDatabase(uri: string, cause: unknown): string {
  const { hosts } = readDatabaseUri({ uri, applicationName: LOCK_SESSION });
  const at = hosts.map(({ config }) => `${config.host}:${config.port}`).join(' or ');
  const { message = '' } = (cause ?? {}) as Error;
  if (/does not support SSL/.test(message))
    return `PostgreSQL at ${at} offers no TLS, which the URI of --database asks for. Remove sslmode from the URI, or have TLS switched on there.`;
  if (/CERT|SIGNATURE/.test(networkCode(cause)))
    return `The certificate of PostgreSQL at ${at} cannot be verified (${networkCode(cause)}). Name the file of its CA in the variable NODE_EXTRA_CA_CERTS, or write sslmode=require, which encrypts without verifying.`;
  return `No PostgreSQL answers at ${at}: ${explain(cause)} Correct the host and the port in the URI of --database, or start PostgreSQL there.`;
}

function explain(cause: unknown): string {
  const code = networkCode(cause);
  switch (code) {
    case 'ENOTFOUND':
      return 'the name of the host does not exist.';
    case 'EAI_AGAIN':
      return 'the name of the host could not be looked up, since no name server answers.';
    case 'ECONNREFUSED':
      return 'nothing listens there.';
    case 'timeout':
    case 'ETIMEDOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `the network gives no answer (${code}), as where a firewall lets nothing through.`;
    default:
      return `the connection was closed without an answer (${code}), as by another program at this port.`;
  }
}
