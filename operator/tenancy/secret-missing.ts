import type { Reason } from '#api/conditions.ts';

/** What the keys of a Secret are for, with the part of the line to type. */
const EXAMPLES = {
  database: "--from-literal=uri='postgres://user:password@host:5432/database'",
  s3: '--from-literal=AWS_ACCESS_KEY_ID=… --from-literal=AWS_SECRET_ACCESS_KEY=…',
  webhook: '--from-literal=token="$(openssl rand -hex 32)"',
  sftp: '--from-file=knownHosts=… --from-file=privateKey=…',
} as const;

/** What to tell a person, with the line to type. */
export function secretMissing(
  namespace: string,
  name: string,
  what: keyof typeof EXAMPLES,
): { reason: Reason; message: string } {
  return {
    reason: 'SecretMissing',
    message: `There is no Secret ${name} in the namespace ${namespace}. Create it: kubectl -n ${namespace} create secret generic ${name} ${EXAMPLES[what]}`,
  };
}
