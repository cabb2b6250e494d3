import type { Reason } from '#api/conditions.ts';

/** The arguments of `kubectl create secret generic`, by the purpose of the Secret. */
const EXAMPLES = {
  database: "--from-literal=uri='postgres://user:password@host:5432/database'",
  s3: '--from-literal=AWS_ACCESS_KEY_ID=… --from-literal=AWS_SECRET_ACCESS_KEY=…',
  webhook: '--from-literal=token="$(openssl rand -hex 32)"',
  sftp: '--from-file=knownHosts=… --from-file=privateKey=…',
} as const;

/** The explanation of a missing Secret, with the command that creates the Secret. */
export function secretMissing(
  namespace: string,
  name: string,
  purpose: keyof typeof EXAMPLES,
): { reason: Reason; message: string } {
  return {
    reason: 'SecretMissing',
    message: `There is no Secret ${name} in the namespace ${namespace}. Create it: kubectl -n ${namespace} create secret generic ${name} ${EXAMPLES[purpose]}`,
  };
}
