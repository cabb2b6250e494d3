/** A queue has one owner: of several sources on it the oldest. Pure. */
import type { UploadSource } from '#kube/custom-resources.ts';

/** The sources (`namespace/name`) that may not take from their queue, with the one that does. */
export function findQueueRivals(sources: Iterable<UploadSource>): Map<string, string> {
  const owners = new Map<string, UploadSource>();
  const all = [...sources].filter(({ spec, metadata }) => spec.s3Event?.sqs && !metadata?.deletionTimestamp);
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
  // Written in another way it is the same queue. An endpoint is asked instead of the URL's host.
  const { origin, pathname } = new URL(queueUrl);
  const server = endpoint && URL.canParse(endpoint) ? new URL(endpoint).origin : origin;
  return `${server}${pathname.replace(/\/+$/, '')}`;
}

/** By creation, then by namespace and name. */
function isOlder(a: UploadSource, b: UploadSource): boolean {
  const [atA, atB] = [Date.parse(a.metadata?.creationTimestamp ?? ''), Date.parse(b.metadata?.creationTimestamp ?? '')];
  return atA === atB ? keyOf(a) < keyOf(b) : atA < atB;
}

function keyOf({ metadata }: UploadSource): string {
  return `${metadata?.namespace}/${metadata?.name}`;
}
