import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_BODY_BYTES, parseEvents } from '#operator/bridge/events/parse-events.ts';
import type { ObjectNotice } from '#operator/bridge/model/types.ts';
import { awsEvent, encodeKey, eventFixture, wrapBySns } from '#support/storage/s3-events.ts';

function understood(body: string) {
  const parsed = parseEvents(body);
  if ('rejected' in parsed) throw new Error(parsed.rejected);
  return parsed;
}

function only(body: string): ObjectNotice {
  const { notices, ignored } = understood(body);
  expect(ignored).toEqual([]);
  expect(notices).toHaveLength(1);
  return notices[0]!;
}

const reasons = (body: string) => understood(body).ignored.map(({ reason }) => reason);
const rejection = (body: string) => {
  const parsed = parseEvents(body);
  return 'rejected' in parsed ? parsed.rejected : 'not rejected';
};

it.each([
  ['id\n\0\x7f', 'id'],
  ['\x01', null],
  [`${'x'.repeat(255)}\u{1f600}`, `${'x'.repeat(255)}\ufffd`],
])('an id that the API server would refuse is mended: %j', (id, expected) => {
  const event = JSON.parse(eventFixture('aws-put'));
  event.Records[0].responseElements['x-amz-request-id'] = id;
  expect(only(JSON.stringify(event)).event?.id).toBe(expected);
});

it.each(['0000-12-31T23:59:59Z', '2026-13-01T00:00:00Z'])(
  'a time that PostgreSQL would refuse is none: %s',
  (eventTime) => {
    const event = JSON.parse(eventFixture('aws-put'));
    event.Records[0].eventTime = eventTime;
    expect(only(JSON.stringify(event)).event?.time).toBe(null);
  },
);

describe('what servers send', () => {
  it('AWS: encoded keys, with the other reading for servers that only call themselves so', () => {
    expect(only(eventFixture('aws-put'))).toEqual({
      bucket: 'bank-files',
      key: 'in/Bericht März+1.csv',
      alternativeKey: 'in/Bericht+M%C3%A4rz%2B1.csv',
      versionId: '096fKKXTRTtl3on89fVO.nfljtsv6qko',
      eTag: 'd41d8cd98f00b204e9800998ecf8427e',
      size: 1024,
      sequencer: '0055AED6DCD90281E5',
      event: { id: 'C3D13FE58DE4C810', time: '2026-11-25T00:42:05.123Z' },
    });
  });

  it('EventBridge: keys as they are', () => {
    expect(only(eventFixture('eventbridge'))).toEqual({
      bucket: 'bank-files',
      key: 'in/Bericht März+1%20.csv',
      versionId: 'IYV3p45BT0ac8hjHg1houSdS1a.Mro8e',
      eTag: 'b1946ac92492d2347c6235b4d2611184',
      size: 1024,
      sequencer: '617f08299329d189',
      event: { id: '17793124-05d4-b198-2fde-7ededc63b103', time: '2026-11-25T00:42:05.000Z' },
    });
  });

  it('versitygw: keys as they are, an ETag in quotes, a time with an offset', () => {
    expect(only(eventFixture('versitygw-put'))).toEqual({
      bucket: 'plain',
      key: 'in/a b+c%20d.csv',
      versionId: null,
      eTag: '9dd4e461268c8034f5c8564e155c67a6',
      size: 1,
      sequencer: '2',
      event: { id: null, time: '2026-11-25T00:42:05.000Z' },
    });
  });

  it('versitygw: the size 0 of an object that was sent in parts is not believed', () => {
    expect(only(eventFixture('versitygw-multipart'))).toMatchObject({ key: 'm+p.csv', size: null, versionId: null });
  });

  it('MinIO: keys are always encoded', () => {
    const notice = only(eventFixture('minio-put'));
    expect(notice).toMatchObject({ bucket: 'bank-files', key: 'in/a b+c.csv', versionId: null, size: 5 });
    expect(notice).not.toHaveProperty('alternativeKey');
  });

  it('others: nobody knows, so both readings', () => {
    expect(only(eventFixture('ceph-put'))).toMatchObject({
      key: 'in/a b.csv',
      alternativeKey: 'in/a+b.csv',
      size: 1024,
    });
  });

  it.each(['aws-test', 'versitygw-test'] as const)('%s: a test event', (name) => {
    expect(reasons(eventFixture(name))).toEqual(['TestEvent']);
    expect(reasons(wrapBySns(eventFixture(name)))).toEqual(['TestEvent']);
  });

  it('SNS: what it wraps is the same as bare, twice wrapped too', () => {
    for (const name of ['aws-put', 'eventbridge', 'minio-put', 'versitygw-put'] as const) {
      const bare = eventFixture(name);
      expect(only(wrapBySns(bare))).toEqual(only(bare));
      expect(only(wrapBySns(wrapBySns(bare)))).toEqual(only(bare));
    }
  });

  it('a bucket whose versions are suspended has no version', () => {
    const body = eventFixture('aws-put').replace('096fKKXTRTtl3on89fVO.nfljtsv6qko', 'null');
    expect(only(body).versionId).toBe(null);
  });
});

describe('keys', () => {
  const bytes = (key: string) => Buffer.byteLength(key);
  const anyKey = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 200 })
    .filter((key) => key.isWellFormed() && !key.includes('\0') && bytes(key) <= 1024);

  it('AWS: encode, parse: the same', () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        expect(only(awsEvent([{ key }])).key).toBe(key);
      }),
    );
  });

  it('any server: one of the readings is the key, whether it encodes or not', () => {
    fc.assert(
      fc.property(anyKey, fc.boolean(), (key, encodes) => {
        const body = eventFixture('ceph-put').replace('"in/a+b.csv"', () =>
          JSON.stringify(encodes ? encodeKey(key) : key),
        );
        const notice = only(body);
        expect([notice.key, notice.alternativeKey]).toContain(key);
      }),
    );
  });

  it('EventBridge and versitygw: exactly the key', () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const bridged = eventFixture('eventbridge').replace('"in/Bericht März+1%20.csv"', () => JSON.stringify(key));
        const posted = eventFixture('versitygw-put').replace('"in/a b+c%20d.csv"', () => JSON.stringify(key));
        for (const body of [bridged, posted]) expect(only(body)).toMatchObject({ key });
      }),
    );
  });

  it.each([
    ['%', '%'],
    ['50%.csv', '50%.csv'],
    ['a%ff.csv', 'a%ff.csv'],
    ['a b.csv', 'a b.csv'],
    ['ä+b.csv', 'ä+b.csv'],
  ])('%s was written by no encoder', (sent, key) => {
    const notice = only(eventFixture('ceph-put').replace('in/a+b.csv', sent));
    expect(notice.key).toBe(key);
    expect(notice).not.toHaveProperty('alternativeKey');
  });

  it.each([
    ['../../etc/passwd', '../../etc/passwd'],
    ['a//b', 'a//b'],
  ])('%s is a key like any other', (key) => {
    expect(only(awsEvent([{ key }])).key).toBe(key);
  });

  it.each([['%00.csv'], ['x'.repeat(1025)], ['\\ud800.csv']])(
    'a key that no object can have is ignored: %.20s',
    (sent) => {
      expect(reasons(eventFixture('ceph-put').replace('in/a+b.csv', sent))).toEqual(['KeyInvalid']);
    },
  );
});

describe('what did not arrive is ignored, with a reason', () => {
  it.each([
    ['ObjectRemoved:Delete', 'ObjectRemoved'],
    ['s3:ObjectRemoved:DeleteMarkerCreated', 'ObjectRemoved'],
    ['LifecycleExpiration:Delete', 'ObjectRemoved'],
    ['ObjectRestore:Completed', 'ObjectRestored'],
    ['Replication:OperationReplicatedAfterThreshold', 'ObjectReplicated'],
    ['ObjectTagging:Put', 'OtherEvent'],
    ['s3:ReducedRedundancyLostObject', 'OtherEvent'],
  ])('%s', (eventName, reason) => {
    expect(understood(awsEvent([{ key: 'a b.csv', eventName }]))).toMatchObject({
      notices: [],
      ignored: [{ key: 'a b.csv', reason }],
    });
  });

  it.each([
    ['s3:ObjectCreated:Put'],
    ['ObjectCreated:Post'],
    ['ObjectCreated:Copy'],
    ['s3:ObjectCreated:CompleteMultipartUpload'],
  ])('%s is an arrival', (eventName) => {
    expect(only(awsEvent([{ key: 'a.csv', eventName }])).key).toBe('a.csv');
  });

  it('versitygw: each object of a deletion', () => {
    expect(understood(eventFixture('versitygw-delete')).ignored).toMatchObject([
      { key: 'in/50%.csv', reason: 'ObjectRemoved' },
    ]);
  });

  it('EventBridge: other events of S3, and of others', () => {
    const other = (detailType: string, source = 'aws.s3') =>
      eventFixture('eventbridge').replace('Object Created', detailType).replace('aws.s3', source);
    expect(reasons(other('Object Deleted'))).toEqual(['ObjectRemoved']);
    expect(reasons(other('Object Restore Completed'))).toEqual(['ObjectRestored']);
    expect(reasons(other('Object Tags Added'))).toEqual(['OtherEvent']);
    expect(reasons(other('Object Created', 'my.app'))).toEqual(['OtherEvent']);
  });

  it('several records: each on its own, those of one key in the order of their sequencers', () => {
    const body = awsEvent([
      { key: 'a', sequencer: '10' },
      { key: 'b', sequencer: '1' },
      { key: 'gone', eventName: 'ObjectRemoved:Delete' },
      { key: 'a', sequencer: '9' },
      { key: 'a', sequencer: 'F' },
    ]);
    const { notices, ignored } = understood(body);
    expect(notices.map(({ key, sequencer }) => `${key} ${sequencer}`)).toEqual(['a 9', 'b 1', 'a F', 'a 10']);
    expect(ignored).toHaveLength(1);
  });

  it('no records', () => {
    expect(understood('{"Records":[]}')).toEqual({ notices: [], ignored: [] });
  });
});

describe('what is not understood is rejected', () => {
  const nested = (open: string, close: string) => {
    const depth = Math.floor(MAX_BODY_BYTES / (open.length + close.length));
    return open.repeat(depth) + close.repeat(depth);
  };

  it.each([
    ['no JSON', 'password=secret', 'The event is not JSON.'],
    ['empty', '', 'The event is not JSON.'],
    ['a text', '"Records"', 'neither'],
    ['a list', '[{"Records":[]}]', 'neither'],
    ['null', 'null', 'neither'],
    ['something else', '{"hello":"world"}', 'neither'],
    ['records that are none', '{"Records":[1]}', 'Record 1 is not understood: it is not an object.'],
    ['a record without a name', '{"Records":[{}]}', 'Record 1 is not understood: it has no eventName.'],
    ['no object', '{"Records":[{"eventName":"ObjectCreated:Put","s3":{}}]}', 'it has no s3.object'],
    ['no bucket', eventFixture('aws-put').replace('"bank-files"', '1'), 'it does not name its bucket'],
    ['an empty key', eventFixture('aws-put').replace(/"key": "[^"]*"/, '"key": ""'), 'it does not name its object'],
    ['a subscription', '{"Type":"SubscriptionConfirmation","TopicArn":"arn:x","Message":"…"}', 'SubscribeURL'],
    ['SNS with a text', wrapBySns('hello'), 'What SNS delivers is not JSON.'],
    ['wrapped too often', wrapBySns(wrapBySns(wrapBySns(wrapBySns(eventFixture('aws-put'))))), 'wrapped more than'],
    [
      'too many records',
      awsEvent(Array(1001).fill({ key: 'a' })).replace(/,"userIdentity".*?"s3"/g, ',"s3"'),
      'more than',
    ],
    ['too large', JSON.stringify({ Records: [], pad: 'x'.repeat(MAX_BODY_BYTES) }), 'more than 262144 bytes'],
    ['open brackets', '['.repeat(MAX_BODY_BYTES), 'not JSON'],
    ['nested lists', nested('[', ']'), 'neither'],
    ['nested objects', `${'{"a":'.repeat(40_000)}1${'}'.repeat(40_000)}`, 'neither'],
    ['nested records', `{"Records":${nested('[', ']').slice(20, -20)}}`, 'Record 1'],
  ])('%s', (_, body, reason) => {
    expect(rejection(body)).toContain(reason);
  });

  it('one bad record among good ones: the whole event, since its sender is not understood', () => {
    const good = (JSON.parse(awsEvent([{ key: 'a' }])) as { Records: unknown[] }).Records[0];
    expect(rejection(JSON.stringify({ Records: [good, {}] }))).toContain('Record 2');
  });

  it('the reason has nothing of the body', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 12 }), (secret) => {
        for (const body of [secret, JSON.stringify(secret), JSON.stringify({ [secret]: secret }), wrapBySns(secret)]) {
          expect(rejection(body)).not.toContain(secret);
        }
      }),
    );
  });

  it('no JSON value makes it throw', () => {
    fc.assert(fc.property(fc.json(), (body) => void parseEvents(body)));
    const shape = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom('ObjectCreated:Put', 's3:TestEvent', 'aws:s3', 'Object Created'),
    );
    const record = fc.dictionary(
      fc.constantFrom('eventName', 's3', 'eventSource', 'responseElements', 'userIdentity'),
      shape,
    );
    const event = fc.dictionary(
      fc.constantFrom(
        'Records',
        'Type',
        'TopicArn',
        'Message',
        'Event',
        'detail-type',
        'detail',
        'source',
        '__proto__',
      ),
      fc.oneof(shape, fc.array(record)),
    );
    fc.assert(fc.property(event, (value) => void parseEvents(JSON.stringify(value))));
  });
});
