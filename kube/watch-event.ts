/** Parses one line of a watch into one event. */
import { KubeError } from './errors.ts';
import { type Call, parseJson, statusError } from './transport.ts';
import type { KubeObject, WatchEvent } from './types.ts';

export function toWatchEvent<T extends KubeObject>(call: Call, line: string): WatchEvent<T> {
  const event = parseJson(call, line) as { type?: string; object?: T } | null;
  const object = event?.object;
  if (object === null || typeof object !== 'object') return malformed(call, 'without an object');
  switch (event?.type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
      return { type: event.type, object };
    case 'BOOKMARK':
      return { type: 'BOOKMARK', resourceVersion: object.metadata?.resourceVersion ?? '' };
    case 'ERROR':
      throw statusError(call, object as object);
    default:
      return malformed(call, 'of an unknown type');
  }
}

function malformed(call: Call, what: string): never {
  throw new KubeError({ status: 0, reason: 'Malformed', message: `watch ${call.resource}: an event ${what}` });
}
