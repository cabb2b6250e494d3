/** Rules for names of users and groups, which go into Kubernetes' RBAC, annotations and logs. */
import { Buffer } from 'node:buffer';

const MAX_NAME_BYTES = 256;
const MAX_GROUPS = 100;
/** Control characters, invisible ones, ends of lines and halves of characters: two names must not look the same. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;
/** Only Kubernetes gives names that begin with the first, and only the gateway those that begin with the second. */
const OURS = 'batchupload:';
export const RESERVED_BY_ALL = ['system:', OURS] as const;
export const RESERVED_BY_GATEWAY = [OURS] as const;

/** @returns why no identity may have these names; null when it may. */
export function findNameFault(
  { user, groups }: { user: string; groups: readonly string[] },
  reserved: readonly string[],
): string | null {
  if (groups.length > MAX_GROUPS) return `it names more than ${MAX_GROUPS} groups`;
  for (const [what, name] of [['user', user], ...groups.map((group) => ['group', group])] as [string, string][]) {
    if (name === '') return `the name of a ${what} is empty`;
    if (Buffer.byteLength(name) > MAX_NAME_BYTES) return `the name of a ${what} has more than ${MAX_NAME_BYTES} bytes`;
    if (INVISIBLE.test(name)) return `the name of a ${what} has a control character or an invisible one`;
    const prefix = reserved.find((begin) => name.startsWith(begin));
    if (prefix !== undefined) return `the name of a ${what} begins with ${prefix}, which is reserved`;
  }
  return null;
}
