/** ETag, If-Match and If-None-Match (RFC 9110) of a Kubernetes object. Pure. */
import { Type } from 'typebox';
import type { KubeObject } from '#kube/types.ts';
import { Problem } from './problem.ts';

export const IF_MATCH = Type.Optional(
  Type.String({
    maxLength: 1024,
    description: 'The ETag that the upload must still have; else the request is refused and changes nothing.',
  }),
);

/** Every change of an object gives it another resourceVersion, and so another ETag. */
export function entityTag({ metadata }: KubeObject): string {
  return `"${metadata?.resourceVersion ?? ''}"`;
}

/** Does the header If-None-Match say that the sender has the object as it is? */
export function isUnchanged(object: KubeObject, ifNoneMatch: string | undefined): boolean {
  return ifNoneMatch !== undefined && listTags(ifNoneMatch).some((tag) => isTagOf(object, tag.replace(/^W\//, '')));
}

/** @throws Problem precondition-failed when the header If-Match names another state of the object */
export function assertMatch(object: KubeObject, ifMatch: string | undefined): void {
  if (ifMatch === undefined || listTags(ifMatch).some((tag) => isTagOf(object, tag))) return;
  const detail = 'The upload is not in the state that If-Match names. Get it again, and decide by what it is now.';
  throw new Problem('precondition-failed', {
    detail,
    errors: [{ header: 'If-Match', detail: `the ETag is ${entityTag(object)}` }],
  });
}

const listTags = (header: string) => header.split(',').map((tag) => tag.trim());
const isTagOf = (object: KubeObject, tag: string) => tag === '*' || tag === entityTag(object);
