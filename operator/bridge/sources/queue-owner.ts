/**
 * A queue has one owner: the source that has received from it. Naming a queue gives no right to it, or a source without
 * access would keep the queue from the source that has access. Pure.
 *
 * | the sources that name one queue              | receive                                                          |
 * |----------------------------------------------|------------------------------------------------------------------|
 * | one has received from it                     | that one alone (the oldest, where several have)                  |
 * | none has received from it yet                | the oldest, and the next one too when all before it have failed  |
 * | suspended or refused, and has never received | nothing, and such a source stands in nobody's way                |
 */
import type { UploadSource } from '#kube/custom-resources.ts';

/** What is known of a source besides its resource. */
export interface QueueClaim {
  /** The queue from which the source has received last, as {@link queueOf} writes it; null before. */
  received: string | null;
  /** True when the source cannot receive at the moment, as far as is known. */
  failing: boolean;
}

/**
 * Maps each source (`namespace/name`) that may not receive from its queue to the source that stands before it.
 * @param claimOf what is known of a source; null for one whose spec the bridge refuses.
 */
export function findQueueRivals(
  sources: Iterable<UploadSource>,
  claimOf: (key: string) => QueueClaim | null,
): Map<string, string> {
  const named = [...sources].flatMap((source) => {
    const queue = queueOf(source);
    const claim = claimOf(keyOf(source));
    if (queue === null || claim === null || source.metadata.deletionTimestamp) return [];
    return [{ source, key: keyOf(source), queue, owns: claim.received === queue, failing: claim.failing }];
  });
  const rivals = new Map<string, string>();
  for (const all of Map.groupBy(named, ({ queue }) => queue).values()) {
    const byAge = all.toSorted((a, b) => compareAge(a.source, b.source));
    const owner = byAge.find(({ owns }) => owns);
    // The source that has received, or else the oldest one that may still succeed.
    const first = owner ?? byAge.find(({ source, failing }) => !source.spec.suspend && !failing);
    if (first === undefined) continue;
    for (const each of byAge) {
      const isTriedAlready = owner === undefined && each.failing;
      if (each !== first && !isTriedAlready) rivals.set(each.key, first.key);
    }
  }
  return rivals;
}

/** The queue that a source names; null when it names none. Different spellings of a URL name one queue. */
export function queueOf({ spec }: UploadSource): string | null {
  const sqs = spec.s3Event?.sqs;
  if (!sqs) return null;
  const { queueUrl, endpoint } = sqs;
  if (!URL.canParse(queueUrl)) return queueUrl;
  // The endpoint, if there is one, replaces the URL's host.
  const { origin, pathname } = new URL(queueUrl);
  const server = endpoint && URL.canParse(endpoint) ? new URL(endpoint).origin : origin;
  return `${server}${pathname.replace(/\/+$/, '')}`;
}

/** Compares creation times, then namespaces and names. */
function compareAge(a: UploadSource, b: UploadSource): number {
  const createdA = Date.parse(a.metadata.creationTimestamp ?? '');
  const createdB = Date.parse(b.metadata.creationTimestamp ?? '');
  return createdA - createdB || (keyOf(a) < keyOf(b) ? -1 : 1);
}

function keyOf({ metadata }: UploadSource): string {
  return `${metadata.namespace}/${metadata.name}`;
}
