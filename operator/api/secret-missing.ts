import type { Reason } from './conditions.ts';

/** What to tell a person, with the line to type. */
export function secretMissing(
  namespace: string,
  name: string,
  what: 'database' | 's3',
): { reason: Reason; message: string } {
  const example =
    what === 'database'
      ? "--from-literal=uri='postgres://user:password@host:5432/database'"
      : '--from-literal=AWS_ACCESS_KEY_ID=… --from-literal=AWS_SECRET_ACCESS_KEY=…';
  return {
    reason: 'SecretMissing',
    message: `There is no Secret ${name} in the namespace ${namespace}. Create it: kubectl -n ${namespace} create secret generic ${name} ${example}`,
  };
}
