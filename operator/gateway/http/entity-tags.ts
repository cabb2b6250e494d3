/** ETag, If-Match and If-None-Match (RFC 9110) of a Kubernetes object, or of an answer. Pure. */
import { createHash } from 'node:crypto';
import { Type } from 'typebox';
import type { KubeObject } from '#kube/types.ts';
import { Problem } from './problem.ts';

export const IF_MATCH = Type.Optional(
  Type.String({
    maxLength: 1024,
    description: 'The ETag that the upload must still have; else the request is refused and changes nothing.',
  }),
);

export const IF_NONE_MATCH = Type.Optional(
  Type.String({ maxLength: 1024, description: 'The ETag of the state that the sender has.' }),
);

/** The answer 304. */
export const NOT_MODIFIED = Type.Unsafe<undefined>({
  type: 'null',
  description: 'Nothing has changed since the answer whose ETag If-None-Match names.',
});

/** Every change of an object gives it another resourceVersion, and so another ETag. */
export function entityTag({ metadata }: KubeObject): string {
  return `"${metadata?.resourceVersion ?? ''}"`;
}

/** The ETag of an answer that no single object makes: the content alone tells it from others. */
export function contentTag(body: string | Uint8Array): string {
  return `"${createHash('sha256').update(body).digest('base64url')}"`;
}

/** Does the header If-None-Match say that the sender has what has the tag? */
export function isUnchanged(own: string, ifNoneMatch: string | undefined): boolean {
  return ifNoneMatch !== undefined && listTags(ifNoneMatch).some((tag) => isTag(own, tag.replace(/^W\//, '')));
}

/** @throws Problem precondition-failed when the header If-Match names another state of the object */
export function assertMatch(object: KubeObject, ifMatch: string | undefined): void {
  if (ifMatch === undefined || listTags(ifMatch).some((tag) => isTag(entityTag(object), tag))) return;
  const detail = 'The upload is not in the state that If-Match names. Get it again, and decide by what it is now.';
  throw new Problem('precondition-failed', {
    detail,
    errors: [{ header: 'If-Match', detail: `the ETag is ${entityTag(object)}` }],
  });
}

const listTags = (header: string) => header.split(',').map((tag) => tag.trim());
const isTag = (own: string, tag: string) => tag === '*' || tag === own;
