/**
 * Makes notifications as servers send them: recorded ones (versitygw), or ones from the servers' documentation and
 * source code.
 */
import { readFileSync } from 'node:fs';

export type EventFixture =
  | 'versitygw-test'
  | 'versitygw-put'
  | 'versitygw-multipart'
  | 'versitygw-delete'
  | 'aws-test'
  | 'aws-put'
  | 'eventbridge'
  | 'minio-put'
  | 'ceph-put';

export function eventFixture(name: EventFixture): string {
  return readFixture(name);
}

/** Wraps a message as SNS does without raw delivery. */
export function wrapBySns(message: string): string {
  return JSON.stringify({ ...(JSON.parse(readFixture('sns')) as object), Message: message });
}

/**
 * An object of a notification. Absent fields come from the fixture; `versionId` is null in a bucket without versions.
 */
interface NotifiedObject {
  key: string;
  sequencer?: string;
  eventName?: string;
  eventTime?: string;
  bucket?: string;
  versionId?: string | null;
}

/** Makes AWS's notification of several objects. The keys of `objects` are not yet encoded. */
export function awsEvent(objects: readonly NotifiedObject[]): string {
  const [template] = (JSON.parse(readFixture('aws-put')) as { Records: [AwsRecord] }).Records;
  const records = objects.map(({ key, eventName = 'ObjectCreated:Put', bucket = 'bank-files', ...rest }) => ({
    ...template,
    eventName,
    eventTime: rest.eventTime ?? template.eventTime,
    s3: {
      ...template.s3,
      bucket: { ...template.s3.bucket, name: bucket },
      object: {
        ...template.s3.object,
        key: encodeKey(key),
        ...(rest.sequencer && { sequencer: rest.sequencer }),
        ...(rest.versionId !== undefined && { versionId: rest.versionId ?? undefined }),
      },
    },
  }));
  return JSON.stringify({ Records: records });
}

/** Encodes a key as AWS does: form-encoded, except for slashes. */
export function encodeKey(key: string): string {
  return encodeURIComponent(key).replaceAll('%20', '+').replaceAll('%2F', '/');
}

interface AwsRecord {
  eventTime: string;
  s3: { bucket: object; object: object };
}

function readFixture(name: string): string {
  return readFileSync(new URL(`../../fixtures/events/${name}.json`, import.meta.url), 'utf8');
}
