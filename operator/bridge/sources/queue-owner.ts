/** A queue has one owner: when several sources name it, the oldest of them. Pure. */
import type { UploadSource } from '#kube/custom-resources.ts';

/** Maps each source (`namespace/name`) that may not receive from its queue to the source that owns the queue. */
export function findQueueRivals(sources: Iterable<UploadSource>): Map<string, string> {
  const owners = new Map<string, UploadSource>();
  const all = [...sources].filter(({ spec, metadata }) => spec.s3Event?.sqs && !metadata.deletionTimestamp);
  for (const source of all) {
    const queue = queueOf(source);
    const owner = owners.get(queue);
    if (owner === undefined || isOlder(source, owner)) owners.set(queue, source);
  }
  const rivals = new Map<string, string>();
  for (const source of all) {
    const owner = owners.get(queueOf(source))!;
    if (owner !== source) rivals.set(keyOf(source), keyOf(owner));
  }
  return rivals;
}

function queueOf({ spec }: UploadSource): string {
  const { queueUrl, endpoint } = spec.s3Event!.sqs!;
  if (!URL.canParse(queueUrl)) return queueUrl;
  // Different spellings of a URL name one queue. The endpoint, if there is one, replaces the URL's host.
  const { origin, pathname } = new URL(queueUrl);
  const server = endpoint && URL.canParse(endpoint) ? new URL(endpoint).origin : origin;
  return `${server}${pathname.replace(/\/+$/, '')}`;
}

/** Compares creation times, then namespaces and names. */
function isOlder(a: UploadSource, b: UploadSource): boolean {
  const createdA = Date.parse(a.metadata.creationTimestamp ?? '');
  const createdB = Date.parse(b.metadata.creationTimestamp ?? '');
  return createdA === createdB ? keyOf(a) < keyOf(b) : createdA < createdB;
}

function keyOf({ metadata }: UploadSource): string {
  return `${metadata.namespace}/${metadata.name}`;
}
