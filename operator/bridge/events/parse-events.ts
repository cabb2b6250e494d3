/**
 * What a notification tells, whichever server sent it and whatever wrapped it. Pure.
 *
 * | sender | shape | keys |
 * |---|---|---|
 * | AWS S3, to SQS or SNS | `Records[]`, `eventSource: aws:s3` | form-encoded |
 * | AWS S3, to EventBridge | `detail-type`, `detail` | as they are |
 * | MinIO | `Records[]`, `eventSource: minio:s3`; `EventName` and `Key` on top | form-encoded |
 * | versitygw | `Records[]` like AWS; `eventTime` with an offset, `eTag` in quotes, a small `sequencer` | as they are |
 * | others | `Records[]` | nobody knows: both readings are given |
 *
 * SNS wraps any of them as a text in `Message`, unless its delivery is raw; a queue changes nothing.
 */
import type { Explanation } from '#api/explanation.ts';
import type { ObjectNotice } from '#operator/bridge/types.ts';
import { canBeKey, KEY_INVALID, keyReadings, type SentKey } from './event-key.ts';
import { isObject, type Json, numberOf, objectAt, textAt, timeOf } from './json-values.ts';
import { orderBySequencer } from './sequencer.ts';

/** What SQS and SNS allowed for decades; a notification has one or two kilobytes. */
export const MAX_BODY_BYTES = 256 * 1024;
const MAX_RECORDS = 1000;
/** SNS may wrap what SNS or EventBridge wrapped. */
const MAX_WRAPS = 3;
/** Bound of `spec.source.event.id`. */
const MAX_ID_LENGTH = 256;

/** Something that is not the arrival of an object. */
export interface IgnoredEvent extends Explanation {
  /** Of the object, where the event is about one. */
  key: string | null;
}

/** `rejected`: why the body cannot be understood, without anything from the body. */
export type ParsedEvents = { notices: ObjectNotice[]; ignored: IgnoredEvent[] } | { rejected: string };

/** Never throws, whatever the body. The notices of one key are in the order of their sequencers. */
export function parseEvents(body: string): ParsedEvents {
  if (Buffer.byteLength(body) > MAX_BODY_BYTES) return { rejected: `The event has more than ${MAX_BODY_BYTES} bytes.` };
  let text = body;
  for (let wraps = 0; wraps <= MAX_WRAPS; wraps += 1) {
    const event = parseJson(text);
    if (event === undefined) return { rejected: `${wraps === 0 ? 'The event' : 'What SNS delivers'} is not JSON.` };
    if (!isObject(event)) return NOT_UNDERSTOOD;
    const inner = unwrapSns(event);
    if (inner === null) return parseEvent(event);
    if (typeof inner !== 'string') return inner;
    text = inner;
  }
  return { rejected: `The event is wrapped more than ${MAX_WRAPS} times.` };
}

const NOT_UNDERSTOOD = { rejected: 'The event is neither one of S3 nor one that SNS or EventBridge wrapped.' };

/** The parser of V8 keeps its own stack, so that nesting costs memory only; and nothing here descends into what is not known. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @returns the text that SNS delivers, or null for what is not of SNS */
function unwrapSns(event: Json): string | { rejected: string } | null {
  if (typeof event['TopicArn'] !== 'string' && event['Type'] !== 'Notification') return null;
  if (event['Type'] === 'SubscriptionConfirmation') {
    return { rejected: 'An SNS topic asks to confirm its subscription: open the SubscribeURL of this message once.' };
  }
  return typeof event['Message'] === 'string' ? event['Message'] : { rejected: 'The message of SNS has no Message.' };
}

function parseEvent(event: Json): ParsedEvents {
  if (event['Event'] === 's3:TestEvent') {
    return {
      notices: [],
      ignored: [{ key: null, reason: 'TestEvent', message: 'The storage tested where it sends events.' }],
    };
  }
  const { Records: records } = event;
  if (Array.isArray(records)) return parseRecords(records);
  if (typeof event['detail-type'] === 'string') return collect([parseEventBridge(event, event['detail-type'])]);
  return NOT_UNDERSTOOD;
}

function parseRecords(records: readonly unknown[]): ParsedEvents {
  if (records.length > MAX_RECORDS) return { rejected: `The event has more than ${MAX_RECORDS} records.` };
  return collect(records.map((record) => (isObject(record) ? parseRecord(record) : 'it is not an object')));
}

/** What one record is: the arrival of an object, something else, or (a text) why it is not understood. */
type ParsedRecord = { notice: ObjectNotice } | { ignored: IgnoredEvent } | string;

/** All or nothing: a sender whose records are half understood is not understood. */
function collect(parsed: readonly ParsedRecord[]): ParsedEvents {
  const notices: ObjectNotice[] = [];
  const ignored: IgnoredEvent[] = [];
  for (const [index, record] of parsed.entries()) {
    if (typeof record === 'string') return { rejected: `Record ${index + 1} is not understood: ${record}.` };
    if ('notice' in record) notices.push(record.notice);
    else ignored.push(record.ignored);
  }
  return { notices: orderBySequencer(notices), ignored };
}

function parseRecord(record: Json): ParsedRecord {
  const eventName = textAt(record, 'eventName');
  if (eventName === null) return 'it has no eventName';
  const s3 = objectAt(record, 's3');
  const object = s3 && objectAt(s3, 'object');
  const bucket = s3 && objectAt(s3, 'bucket');
  const sentKey = object && textAt(object, 'key');
  const key = sentKey ? keyReadings(record, sentKey) : null;
  const kind = eventName.replace(/^s3:/, '');
  if (!kind.startsWith('ObjectCreated:')) return otherEvent(kind, key?.key ?? null);
  const source = textAt(record, 'eventSource');
  if (source !== null && !source.endsWith(':s3')) return otherEvent(kind, null);
  if (!object || !bucket) return 'it has no s3.object or no s3.bucket';
  const elements = objectAt(record, 'responseElements');
  return toNotice({
    bucket: textAt(bucket, 'name'),
    key,
    versionId: textAt(object, 'versionId'),
    eTag: textAt(object, 'eTag'),
    size: object['size'],
    sequencer: textAt(object, 'sequencer'),
    id: elements && textAt(elements, 'x-amz-request-id'),
    time: textAt(record, 'eventTime'),
  });
}

function parseEventBridge(event: Json, detailType: string): ParsedRecord {
  const detail = objectAt(event, 'detail');
  const object = detail && objectAt(detail, 'object');
  const bucket = detail && objectAt(detail, 'bucket');
  const key = object && textAt(object, 'key');
  if (event['source'] !== 'aws.s3' || detailType !== 'Object Created') {
    return otherEvent(detailType.replaceAll(' ', ''), event['source'] === 'aws.s3' ? key : null);
  }
  if (!object || !bucket) return 'it has no detail.object or no detail.bucket';
  return toNotice({
    bucket: textAt(bucket, 'name'),
    key: key === null ? null : { key },
    versionId: textAt(object, 'version-id'),
    eTag: textAt(object, 'etag'),
    size: object['size'],
    sequencer: textAt(object, 'sequencer'),
    id: textAt(event, 'id'),
    time: textAt(event, 'time'),
  });
}

interface SentObject extends Record<'bucket' | 'versionId' | 'eTag' | 'sequencer' | 'id' | 'time', string | null> {
  key: SentKey | null;
  size: unknown;
}

function toNotice(sent: SentObject): ParsedRecord {
  if (!sent.bucket) return 'it does not name its bucket';
  if (!sent.key) return 'it does not name its object';
  if (!canBeKey(sent.key.key)) {
    return { ignored: { key: null, reason: 'KeyInvalid', message: KEY_INVALID } };
  }
  return {
    notice: {
      bucket: sent.bucket,
      ...sent.key,
      // A bucket whose versions are suspended says "null".
      versionId: sent.versionId && sent.versionId !== 'null' ? sent.versionId : null,
      eTag: sent.eTag?.replace(/^W\//, '').replaceAll('"', '') || null,
      // versitygw says 0 of every object that was copied or sent in parts.
      size: numberOf(sent.size) || null,
      sequencer: sent.sequencer || null,
      event: { id: idOf(sent.id), time: timeOf(sent.time) },
    },
  };
}

/** The API server would refuse the upload for what it does not allow in `spec.source.event.id`, and an id is only for the audit. */
function idOf(sent: string | null): string | null {
  return (
    sent
      ?.replaceAll(/\p{Cc}/gu, '')
      .slice(0, MAX_ID_LENGTH)
      .toWellFormed() || null
  );
}

const OTHER_EVENTS: readonly [RegExp, Explanation][] = [
  [
    /^(ObjectRemoved|ObjectDeleted|LifecycleExpiration|ObjectLifecycle)/,
    { reason: 'ObjectRemoved', message: 'The object was removed.' },
  ],
  [/^ObjectRestore/, { reason: 'ObjectRestored', message: 'An archived object was restored; it arrived before.' }],
  [
    /^(Replication|ObjectSynced)/,
    { reason: 'ObjectReplicated', message: 'The event is about the replication of an object.' },
  ],
];

function otherEvent(kind: string, key: string | null): ParsedRecord {
  const known = OTHER_EVENTS.find(([pattern]) => pattern.test(kind))?.[1];
  const why = known ?? { reason: 'OtherEvent', message: 'The event is not about an object that arrived.' };
  return { ignored: { key, ...why } };
}
