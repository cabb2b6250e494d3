/** The limits of uploads that work at the same time, as the chart sets them. */
import { ConfigError } from '#common/config.ts';
import { podsAtOnce, sessionsOfPod } from '#common/job-contract.ts';
import { jsonObject } from './json-object.ts';

export interface Limit {
  /** The most uploads whose pods plan or load at the same time. */
  maxActiveUploads?: number;
  /** The most sessions of the database that the pods of these uploads have together. */
  maxParallelism?: number;
}

export interface DatabaseLimit extends Limit {
  /**
   * The most connections of the operator and of all pods to the database. {@link OPERATOR_CONNECTIONS} of them are the
   * operator's own.
   */
  maxConnections?: number;
}

export interface Limits {
  cluster: Limit;
  /** The limit of each namespace that has none of its own. */
  namespace: Limit;
  /** The limit of each database, whatever Secrets name it. */
  database: DatabaseLimit;
  /** Limits of single namespaces, by name. They take the place of `namespace` as a whole. */
  namespaces: Record<string, Limit>;
}

/** Two for work, one that reads the progress, and one that helps the others; see ledger/client/database.ts. */
export const OPERATOR_CONNECTIONS = 4;
/** Besides its sessions a pod has one connection that helps them: it looks at silent ones, and says why the pod fails. */
const FURTHER_CONNECTIONS_OF_A_POD = 1;
/** A pod with one session. */
const LEAST_CONNECTIONS = OPERATOR_CONNECTIONS + 1 + FURTHER_CONNECTIONS_OF_A_POD;

/**
 * The connections that the pods of an upload with so many sessions may open.
 * @param sessionsPerPod those of each pod of the upload's Job, which keeps them when it gets more or fewer pods; null: a Job is
 * made for these sessions
 */
export function connectionsOf(sessions: number, sessionsPerPod: number | null): number {
  const perPod = sessionsPerPod ?? sessionsOfPod(sessions);
  return podsAtOnce(sessions, perPod) * (perPod + FURTHER_CONNECTIONS_OF_A_POD);
}

const BY_SCOPE = { cluster: 0, namespace: 0, database: LEAST_CONNECTIONS } as const;

/** @throws ConfigError that names what is wrong. */
export function readLimits(name: string, text: string | undefined): Limits {
  const none: Limits = { cluster: {}, namespace: {}, database: {}, namespaces: {} };
  const value = jsonObject({ [name]: text }, name, { database: { maxConnections: 60 } });
  if (value === null) return none;
  for (const scope of Object.keys(value)) {
    if (!Object.hasOwn(none, scope))
      throw new ConfigError(`${name} has the unknown key ${scope}; there are ${Object.keys(none).join(', ')}`);
  }
  const limits = withoutNulls({ ...none, ...value }) as Limits;
  for (const scope of ['cluster', 'namespace', 'database'] as const) {
    checkLimit(`${name}.${scope}`, limits[scope], BY_SCOPE[scope]);
  }
  for (const [namespace, limit] of Object.entries(limits.namespaces))
    checkLimit(`${name}.namespaces.${namespace}`, limit, 0);
  return limits;
}

/** Helm takes a default of the chart away by null. */
function withoutNulls(value: object): object {
  const kept = Object.entries(value).filter(([, each]) => each !== null);
  return Object.fromEntries(kept.map(([key, each]) => [key, typeof each === 'object' ? withoutNulls(each) : each]));
}

/** @param leastConnections 0 where the number of connections cannot be limited. */
function checkLimit(name: string, limit: unknown, leastConnections: number): void {
  if (limit === null || typeof limit !== 'object') throw new ConfigError(`${name} must be an object`);
  const least: Record<string, number> = {
    maxActiveUploads: 1,
    maxParallelism: 1,
    ...(leastConnections > 0 ? { maxConnections: leastConnections } : {}),
  };
  for (const [key, value] of Object.entries(limit)) {
    if (!Object.hasOwn(least, key))
      throw new ConfigError(`${name} has the unknown key ${key}; there are ${Object.keys(least).join(', ')}`);
    if (!Number.isSafeInteger(value) || (value as number) < least[key]!)
      throw new ConfigError(`${name}.${key} must be a whole number of at least ${least[key]}`);
  }
}
