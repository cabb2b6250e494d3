/** Decides from the spec alone whether an UploadSource may run. */
import { DEFAULT_NAMES } from '#api/defaults.ts';
import type { Explanation } from '#api/explanation.ts';
import { databaseSecretName } from '#api/names.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import { compileRules, type ObjectRules } from '#operator/bridge/admission/object-rules.ts';
import { type AllowList, checkNamespace, notAllowed } from '#operator/tenancy/allow-list.ts';
import { SchemaError } from '#runner/patterns.ts';
import { refuseEndpoint } from '#s3/allowed-endpoint.ts';

export interface SourceAllowList extends AllowList {
  /** The Secrets that sources may name for webhooks, SFTP servers and queues. */
  bridgeSecrets: readonly string[];
}

export type Accepted = { rules: ObjectRules } | { refused: Explanation };

/** The check comes before any read: the bridge never asks the API server for a Secret that is not on the list. */
export function acceptSource(source: UploadSource, allow: SourceAllowList): Accepted {
  const refused =
    checkNamespace(source.metadata.namespace, allow) ?? checkSecrets(source, allow) ?? checkQueueServer(source, allow);
  if (refused) return { refused };
  try {
    return { rules: compileRules(source) };
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return { refused: { reason: 'PatternInvalid', message: `${error.message}. Correct the pattern.` } };
  }
}

/** The queue gets the access keys, too; its URL and its endpoint both name the server. */
function checkQueueServer({ spec }: UploadSource, { allowedEndpoints: allowed }: SourceAllowList): Explanation | null {
  const { queueUrl, endpoint = queueUrl } = spec.s3Event?.sqs ?? {};
  if (endpoint === undefined) return null;
  const message = refuseEndpoint(endpoint, { own: undefined, allowed });
  return message === null ? null : { reason: 'EndpointNotAllowed', message: message.replace(LEFT_OUT, 'Add') };
}

/** A queue has no endpoint in its Secret. */
const LEFT_OUT = 'Leave it out, so that the endpoint of the Secret is used, or add';

function checkSecrets({ spec }: UploadSource, allow: SourceAllowList): Explanation | null {
  const program = 'bridge';
  const database = databaseSecretName(spec.template.spec);
  if (database !== DEFAULT_NAMES.databaseSecret && !allow.extraDatabaseSecrets.includes(database)) {
    const field = 'spec.template.spec.target.databaseSecretRef';
    return notAllowed({ program, secret: database, field, chartValue: 'uploads.database.extraSecretNames' });
  }
  const isStorage = (name: string) => name === DEFAULT_NAMES.s3Secret || allow.extraS3Secrets.includes(name);
  const storage = spec.s3.credentialsSecretRef?.name;
  if (storage !== undefined && !isStorage(storage)) {
    const field = 'spec.s3.credentialsSecretRef';
    return notAllowed({ program, secret: storage, field, chartValue: 'uploads.s3.extraSecretNames' });
  }
  const queue = spec.s3Event?.sqs?.credentialsSecretRef?.name;
  if (queue !== undefined && !isStorage(queue) && !allow.bridgeSecrets.includes(queue)) {
    const field = 'spec.s3Event.sqs.credentialsSecretRef';
    return notAllowed({ program, secret: queue, field, chartValue: 'bridge.secretNames' });
  }
  const own: [string, { name: string } | undefined][] = [
    ['spec.s3Event.webhook.secretRef', spec.s3Event?.webhook?.secretRef],
    ['spec.sftp.secretRef', spec.sftp?.secretRef],
  ];
  for (const [field, ref] of own) {
    if (ref && !allow.bridgeSecrets.includes(ref.name))
      return notAllowed({ program, secret: ref.name, field, chartValue: 'bridge.secretNames', optional: false });
  }
  return null;
}
