/** S3 clients, one for all resources with the same endpoint and access keys; and the Secrets with these keys. */
import { createHash } from 'node:crypto';
import { S3Client, type S3ClientConfig } from '@aws-sdk/client-s3';
import { DEFAULT_NAMES } from '#api/defaults.ts';
import type { Clock } from '#common/clock.ts';
import { Fault } from '#common/faults.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import type { KubeClient } from '#kube/types.ts';
import { assertEndpoint } from '#s3/allowed-endpoint.ts';
import type { Program } from './allow-list.ts';
import { findSecret, type SecretRef } from './databases.ts';
import { LIMIT_ANSWER, limitAnswer } from './limit-answer.ts';
import { secretMissing } from './secret-missing.ts';

type StorageSpec = UploadSource['spec']['s3'];

const SECRET_TTL_MS = 30_000;
/** A missing or refused Secret is read again sooner, since somebody is probably creating or correcting it. */
const BAD_SECRET_TTL_MS = 2_000;
const UNUSED_MS = 600_000;
const CONNECT_MS = 5_000;

export type SecretData = Record<string, string>;

export interface SecretReader {
  /** Null when there is no such Secret. @throws Fault SecretNotAllowed, KubeError */
  read(ref: SecretRef, signal: AbortSignal): Promise<SecretData | null>;
  /**
   * Shortens the cache time of a Secret whose keys were refused: it is read again soon, but once for all its sources.
   */
  distrust(ref: SecretRef): void;
}

/** Caches Secrets for half a minute, so that a hundred sources of a namespace cost one GET. */
export function createSecretReader(deps: {
  client: Pick<KubeClient, 'find'>;
  program: Program;
  clock: Clock;
  /** `latin1` gives a character for each byte, for values that are no text. */
  encoding?: 'utf8' | 'latin1';
}): SecretReader {
  const known = new Map<string, { data: Promise<SecretData | null>; askedAt: number; until: number }>();
  const keyOf = ({ namespace, name }: SecretRef) => `${namespace}/${name}`;
  const { encoding = 'utf8' } = deps;
  return {
    read(ref) {
      const key = keyOf(ref);
      const entry = known.get(key);
      if (entry !== undefined && deps.clock.monotonic() < entry.until) return entry.data;
      // All concurrent callers share this request, so that no caller's signal may end it. It has its own time limit.
      const data = findSecret(deps, ref).then((secret) => (secret ? decode(secret.data ?? {}, encoding) : null));
      const askedAt = deps.clock.monotonic();
      const fresh = { data, askedAt, until: askedAt + SECRET_TTL_MS };
      known.set(key, fresh);
      data.then(
        (found) => {
          if (found === null) fresh.until = askedAt + BAD_SECRET_TTL_MS;
        },
        () => {
          if (known.get(key) === fresh) known.delete(key);
        },
      );
      return data;
    },
    distrust(ref) {
      const entry = known.get(keyOf(ref));
      if (entry) entry.until = Math.min(entry.until, entry.askedAt + BAD_SECRET_TTL_MS);
    },
  };
}

function decode(data: Record<string, string>, encoding: 'utf8' | 'latin1'): SecretData {
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString(encoding)]),
  );
}

export interface StorageClients {
  /** @throws Fault SecretMissing, SecretNotAllowed, SecretInvalid, EndpointNotAllowed; KubeError */
  open(namespace: string, spec: StorageSpec, signal: AbortSignal): Promise<S3Client>;
  /** Reports that the storage refused the access keys. */
  distrust(namespace: string, spec: StorageSpec): void;
  closeUnused(): void;
  close(): void;
  readonly size: number;
}

export function createStorageClients(deps: {
  secrets: SecretReader;
  clock: Clock;
  /** Storage servers that a source may name besides that of its Secret and those of AWS. */
  allowedEndpoints: readonly string[];
}): StorageClients {
  const { secrets, clock, allowedEndpoints } = deps;
  const clients = new Map<string, CachedClient>();
  const refOf = (namespace: string, { credentialsSecretRef }: StorageSpec) => ({
    namespace,
    name: credentialsSecretRef?.name ?? DEFAULT_NAMES.s3Secret,
  });
  const drop = (isUnused: (client: CachedClient) => boolean) => {
    for (const [hash, client] of clients) {
      if (!isUnused(client)) continue;
      clients.delete(hash);
      client.s3.destroy();
    }
  };
  return {
    get size() {
      return clients.size;
    },
    async open(namespace, spec, signal) {
      const data = await secrets.read(refOf(namespace, spec), signal);
      assertEndpoint(spec.endpoint, { own: data?.['AWS_ENDPOINT_URL_S3'], allowed: allowedEndpoints });
      const config = toConfig(spec, data, namespace);
      const hash = createHash('sha256').update(JSON.stringify(config)).digest('base64');
      const entry = clients.get(hash) ?? create(config, clock);
      entry.usedAt = clock.monotonic();
      clients.set(hash, entry);
      return entry.s3;
    },
    distrust: (namespace, spec) => secrets.distrust(refOf(namespace, spec)),
    closeUnused: () => drop(({ calls, usedAt }) => calls === 0 && clock.monotonic() - usedAt > UNUSED_MS),
    close: () => drop(() => true),
  };
}

interface CachedClient {
  s3: S3Client;
  /** Calls in progress; a copy inside the storage, or a part of a large file, can take minutes. */
  calls: number;
  /** Monotonic, ms. */
  usedAt: number;
}

function create(config: S3ClientConfig, clock: Clock): CachedClient {
  const cached: CachedClient = { s3: new S3Client(config), calls: 0, usedAt: 0 };
  cached.s3.middlewareStack.add((next) => limitAnswer(next), LIMIT_ANSWER);
  cached.s3.middlewareStack.add(
    (next) => async (call) => {
      cached.calls += 1;
      try {
        return await next(call);
      } finally {
        cached.calls -= 1;
        cached.usedAt = clock.monotonic();
      }
    },
    { step: 'initialize', name: 'countCalls' },
  );
  return cached;
}

function toConfig(spec: StorageSpec, secret: SecretData | null, namespace: string): S3ClientConfig {
  const named = spec.credentialsSecretRef?.name;
  if (secret === null && named !== undefined) {
    throw secretFault(secretMissing(namespace, named, 's3'));
  }
  const data = secret ?? {};
  const endpoint = spec.endpoint ?? (data['AWS_ENDPOINT_URL_S3'] || undefined);
  const accessKeyId = data['AWS_ACCESS_KEY_ID'];
  const secretAccessKey = data['AWS_SECRET_ACCESS_KEY'];
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    const name = named ?? DEFAULT_NAMES.s3Secret;
    const message = `The Secret ${name} has only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Add the other one, or remove both.`;
    throw secretFault({ reason: 'SecretInvalid', message });
  }
  const sessionToken = data['AWS_SESSION_TOKEN'];
  return {
    region: spec.region ?? (data['AWS_REGION'] || 'us-east-1'),
    forcePathStyle: spec.forcePathStyle ?? endpoint !== undefined,
    // The programs make the retries themselves, so that each error shows at once.
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: { connectionTimeout: CONNECT_MS },
    ...(endpoint ? { endpoint } : {}),
    // Without access keys the SDK uses the pod's own AWS identity.
    ...(accessKeyId && secretAccessKey
      ? { credentials: { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) } }
      : {}),
  };
}

/** A client for a long run, such as the watch of a folder: each call uses the keys that the Secret has by then. */
export function createClientWithPresentKeys(open: () => Promise<S3Client>): S3Client {
  const send: S3Client['send'] = async (...call: unknown[]) => {
    const s3 = await open();
    return (s3.send as (...args: unknown[]) => Promise<never>).apply(s3, call);
  };
  return { send } as S3Client;
}

function secretFault({ reason, message }: { reason: string; message: string }): Fault {
  return new Fault({ code: 'CFG_SECRET', category: 'permanent', reason, message });
}
