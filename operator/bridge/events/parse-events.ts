/**
 * Parses notifications of all known storage servers, wrapped or not. Pure.
 *
 * | sender | shape | keys |
 * |---|---|---|
 * | AWS S3, to SQS or SNS | `Records[]`, `eventSource: aws:s3` | form-encoded |
 * | AWS S3, to EventBridge | `detail-type`, `detail` | not encoded |
 * | MinIO | `Records[]`, `eventSource: minio:s3`; `EventName` and `Key` on top | form-encoded |
 * | versitygw | `Records[]` like AWS; `eventTime` with an offset, `eTag` in quotes, a small `sequencer` | not encoded |
 * | others | `Records[]` | unknown: the notice has both readings |
 *
 * SNS wraps each of these notifications as a text in `Message`, unless its delivery is raw. A queue adds no wrapping.
 */
import type { Explanation } from '#api/explanation.ts';
import type { ObjectNotice } from '#operator/bridge/model/types.ts';
import { canBeKey, KEY_INVALID, keyReadings, type SentKey } from './event-key.ts';
import { isObject, type Json, numberOf, objectAt, textAt, timeOf } from './json-values.ts';
import { orderBySequencer } from './sequencer.ts';

/** The limit that SQS and SNS had for decades; a notification has one or two kilobytes. */
export const MAX_BODY_BYTES = 256 * 1024;
const MAX_RECORDS = 1000;
/** SNS may wrap a message that SNS or EventBridge has wrapped already. */
const MAX_WRAPS = 3;
/** The limit that the CRD sets for `spec.source.event.id`. */
const MAX_ID_LENGTH = 256;

/** An event that is not about the arrival of an object. */
export interface IgnoredEvent extends Explanation {
  /** The object's key; null when the event is not about one object. */
  key: string | null;
}

/** `rejected` says why the body cannot be understood, and quotes nothing from the body. */
export type ParsedEvents = { notices: ObjectNotice[]; ignored: IgnoredEvent[] } | { rejected: string };

/** Never throws. The notices of one key are in the order of their sequencers. */
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

/** Deep nesting costs V8's parser memory only, since its stack is on the heap; this module reads known fields only. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** @returns the text that SNS delivers, or null when SNS did not send the event */
function unwrapSns(event: Json): string | { rejected: string } | null {
  if (typeof event['TopicArn'] !== 'string' && event['Type'] !== 'Notification') return null;
  if (event['Type'] === 'SubscriptionConfirmation') {
    return { rejected: 'An SNS topic asks to confirm its subscription: open the SubscribeURL of this message once.' };
  }
  return typeof event['Message'] === 'string' ? event['Message'] : { rejected: 'The SNS message has no Message.' };
}

function parseEvent(event: Json): ParsedEvents {
  if (event['Event'] === 's3:TestEvent') {
    return {
      notices: [],
      ignored: [
        {
          key: null,
          reason: 'TestEvent',
          message: 'The storage sent a test event, as after a change of its configuration.',
        },
      ],
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

/** One record is a notice or an ignored event; a text says why the record is not understood. */
type ParsedRecord = { notice: ObjectNotice } | { ignored: IgnoredEvent } | string;

/** One record that is not understood rejects the whole event. */
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
      // A bucket with suspended versioning sends the version id "null".
      versionId: sent.versionId && sent.versionId !== 'null' ? sent.versionId : null,
      eTag: sent.eTag?.replace(/^W\//, '').replaceAll('"', '') || null,
      // versitygw sends the size 0 for every object that was copied or uploaded in parts.
      size: numberOf(sent.size) || null,
      sequencer: sent.sequencer || null,
      event: { id: idOf(sent.id), time: timeOf(sent.time) },
    },
  };
}

/**
 * Removes from an event id what the API server does not allow in `spec.source.event.id`: the id serves only the audit,
 * and must not prevent the upload.
 */
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
    { reason: 'ObjectRemoved', message: 'The event is about the removal of an object.' },
  ],
  [
    /^ObjectRestore/,
    {
      reason: 'ObjectRestored',
      message: 'The event is about the restoration of an archived object, which arrived before.',
    },
  ],
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
