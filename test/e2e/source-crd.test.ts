/** The API server accepts every right UploadSource, and says what is wrong with a wrong one. */
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { UploadSourceStatus } from '#api/upload-source.gen.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import { createCluster } from '#support/cluster/cluster.ts';
import { sourceManifest } from '#support/cluster/manifests.ts';

const cluster = createCluster();
// The namespace is not one of the operator's, so no source in it is ever watched.
const NAMESPACE = `source-crd-${Date.now().toString(36)}`;
const examples = new URL('../../crds/examples/', import.meta.url);

beforeAll(() => cluster.kubectl('create', 'namespace', NAMESPACE));
afterAll(() => cluster.kubectl('delete', 'namespace', NAMESPACE, '--wait=false'));

const kubectl = (...args: string[]) => cluster.kubectl('-n', NAMESPACE, ...args);
const apply = (name: string, spec: object) => cluster.apply(sourceManifest(NAMESPACE, name, spec));
async function stored(name: string): Promise<UploadSource> {
  return JSON.parse(await kubectl('get', 'uploadsource', name, '-o', 'json'));
}

const S3 = { bucket: 'bucket', prefix: 'in/' };
const SCHEMAS = [{ schemaRef: { name: 'orders' } }];
const POLL = { s3Poll: {}, s3: S3, schemas: SCHEMAS };
const SFTP = {
  sftp: { host: 'sftp.example.com', username: 'u', secretRef: { name: 'partner' } },
  s3: { bucket: 'bucket' },
  schemas: SCHEMAS,
};
const SQS = { s3Event: { sqs: { queueUrl: 'https://sqs.example.com/1/q' } }, s3: S3, schemas: SCHEMAS };
const WEBHOOK = { s3Event: { webhook: { secretRef: { name: 'hook' } } }, s3: S3, schemas: SCHEMAS };

describe('a wrong UploadSource is refused with the field and what to do', () => {
  const poll = (change: object) => ({ ...POLL, ...change });
  const sftp = (change: object) => ({ ...SFTP, sftp: { ...SFTP.sftp, ...change } });
  const sqs = (change: object) => ({ ...SQS, s3Event: { sqs: { ...SQS.s3Event.sqs, ...change } } });
  const schemas = (...list: object[]) => poll({ schemas: list });
  const schemaRef = { name: 'orders' };
  it.each<[string, object, RegExp]>([
    ['no kind', { s3: S3, schemas: SCHEMAS }, /spec: Invalid value.*exactly one of s3Event .* s3Poll .* and sftp/],
    ['two kinds', poll({ s3Event: SQS.s3Event }), /exactly one of s3Event/],
    ['three kinds', { ...SFTP, ...poll({ s3Event: SQS.s3Event }) }, /exactly one of s3Event/],
    ['events from nowhere', poll({ s3Poll: undefined, s3Event: {} }), /spec\.s3Event.*exactly one of sqs .* webhook/],
    [
      'events from two places',
      { ...SQS, s3Event: { ...SQS.s3Event, ...WEBHOOK.s3Event } },
      /spec\.s3Event.*exactly one of sqs .* webhook/,
    ],
    [
      'a queue that is no URL',
      sqs({ queueUrl: 'arn:aws:sqs:eu-west-1:1:q' }),
      /sqs\.queueUrl.*must be an http:\/\/ or/,
    ],
    ['an endpoint of a queue that is no URL', sqs({ endpoint: 'localhost:4100' }), /sqs\.endpoint.*must be an http/],
    [
      'an endpoint that is no URL',
      poll({ s3: { ...S3, endpoint: 's3.example.com' } }),
      /s3\.endpoint.*must be an http/,
    ],
    [
      'a webhook without a Secret',
      poll({ s3Poll: undefined, s3Event: { webhook: {} } }),
      /webhook\.secretRef: Required/,
    ],
    [
      'too many lists',
      { ...SQS, s3Event: { ...SQS.s3Event, relistSeconds: 29 } },
      /relistSeconds.*greater than or equal to 30/,
    ],
    ['too many polls', poll({ s3Poll: { intervalSeconds: 4 } }), /s3Poll\.intervalSeconds.*greater than or equal to 5/],
    ['less than a poll a day', poll({ s3Poll: { intervalSeconds: 86_401 } }), /intervalSeconds.*less than or equal to/],
    ['no bucket', poll({ s3: { prefix: 'in/' } }), /spec\.s3\.bucket: Required value/],
    ['a bucket with capitals', poll({ s3: { bucket: 'My_Bucket' } }), /spec\.s3\.bucket.*should match/],
    ['a prefix that is too long', poll({ s3: { ...S3, prefix: 'p'.repeat(513) } }), /spec\.s3\.prefix: Too long/],
    ['no schemas', schemas(), /spec\.schemas.*at least 1 items/],
    ['a schema without a name', schemas({ prefix: 'a' }), /spec\.schemas\[0\]\.schemaRef: Required value/],
    [
      'a prefix and a pattern',
      schemas({ schemaRef, prefix: 'a', pattern: 'b' }),
      /schemas\[0\].*prefix or pattern, not/,
    ],
    [
      'a pattern that is none',
      schemas({ schemaRef, pattern: '(' }),
      /schemas\[0\]\.pattern.*missing closing \).*must be an RE2 expression/,
    ],
    ['a pattern that looks ahead', schemas({ schemaRef, pattern: '(?=a)' }), /schemas\[0\]\.pattern.*RE2 expression/],
    ['a rest that is not the last', schemas({ schemaRef }, { schemaRef, prefix: 'a' }), /schemas.*must be the last/],
    ['two rests', schemas({ schemaRef }, { schemaRef }), /spec\.schemas.*there can be one/],
    ['a filter that is no pattern', poll({ filter: { pattern: '[z-a]' } }), /filter\.pattern.*RE2 expression/],
    ['a suffix of nothing', poll({ filter: { suffixes: [''] } }), /filter\.suffixes\[0\].*at least 1 chars/],
    ['a suffix twice', poll({ filter: { suffixes: ['.csv', '.csv'] } }), /filter\.suffixes\[1\]: Duplicate value/],
    ['sizes the wrong way round', poll({ filter: { minBytes: 2, maxBytes: 1 } }), /minBytes must not be greater/],
    ['a settle time of hours', poll({ settleSeconds: 3601 }), /settleSeconds.*less than or equal to 3600/],
    [
      'Move to nowhere',
      poll({ afterSuccess: { action: 'Move' } }),
      /afterSuccess.*prefix is for action Move, and Move needs it/,
    ],
    ['Delete to somewhere', poll({ afterSuccess: { action: 'Delete', prefix: 'done/' } }), /prefix is for action Move/],
    [
      'Move into what is watched',
      poll({ afterSuccess: { action: 'Move', prefix: 'in/done/' } }),
      /afterSuccess.*must not be under s3\.prefix, which is watched/,
    ],
    [
      'Move where everything is watched',
      poll({ s3: { bucket: 'bucket' }, afterSuccess: { action: 'Move', prefix: 'done/' } }),
      /afterSuccess.*must not be under s3\.prefix, which is watched/,
    ],
    [
      'Delete after a validation',
      poll({ template: { spec: { mode: 'Validate' } }, afterSuccess: { action: 'Delete' } }),
      /afterSuccess.*must be Keep when template\.spec\.mode is Validate/,
    ],
    [
      'an unknown action',
      poll({ afterSuccess: { action: 'Archive' } }),
      /afterSuccess\.action: Unsupported value: "Archive": supported values: "Keep", "Delete", "Move"/,
    ],
    ['afterSuccess of sftp', { ...SFTP, afterSuccess: { action: 'Delete' } }, /afterSuccess.*sftp\.afterFetch/],
    ['s3.prefix of sftp', { ...SFTP, s3: S3 }, /s3\.prefix.*written under sftp\.uploadPrefix/],
    ['sftp without host', sftp({ host: undefined }), /spec\.sftp\.host: Required value/],
    ['a host that is a URL', sftp({ host: 'sftp://example.com' }), /spec\.sftp\.host.*should match/],
    ['a host with a line break', sftp({ host: 'a\nb' }), /spec\.sftp\.host.*should match/],
    ['a user with a line break', sftp({ username: 'a\nb' }), /spec\.sftp\.username.*should match/],
    ['port 0', sftp({ port: 0 }), /spec\.sftp\.port.*greater than or equal to 1/],
    ['a folder with NUL', sftp({ directory: 'a\u0000b' }), /spec\.sftp\.directory.*should match/],
    [
      'an unknown afterFetch',
      sftp({ afterFetch: { action: 'Copy' } }),
      /afterFetch\.action: Unsupported value: "Copy"/,
    ],
    ['a suffix that is a path', sftp({ afterFetch: { suffix: '/done' } }), /afterFetch\.suffix.*should match/],
    ['an uploadPrefix that is no folder', sftp({ uploadPrefix: 'raw' }), /spec\.sftp\.uploadPrefix.*should match/],
    ['an uploadPrefix from the root', sftp({ uploadPrefix: '/raw/' }), /spec\.sftp\.uploadPrefix.*should match/],
    [
      'a label of ours',
      poll({ template: { metadata: { labels: { 'batchupload.dev/uid': 'x' } } } }),
      /template\.metadata\.labels.*are the operator's/,
    ],
    [
      'an annotation of ours',
      poll({ template: { metadata: { annotations: { 'batchupload.dev/x': 'x' } } } }),
      /template\.metadata\.annotations.*are the operator's/,
    ],
    [
      'a label that is none',
      poll({ template: { metadata: { labels: { a: 'not a label' } } } }),
      /template\.metadata\.labels\.a.*should match/,
    ],
    [
      'a template with a source',
      poll({ template: { spec: { source: { s3: S3 } } } }),
      /unknown field "spec\.template\.spec\.source"/,
    ],
    [
      'a template that is no BatchUpload',
      poll({ template: { spec: { chunkRecords: 0 } } }),
      /template\.spec\.chunkRecords.*greater than or equal to 1/,
    ],
    [
      'a template that reloads a validation',
      poll({ template: { spec: { mode: 'Validate', reload: true } } }),
      /template\.spec.*reload is for mode Commit/,
    ],
    ['a field that does not exist', poll({ setleSeconds: 2 }), /unknown field "spec\.setleSeconds"/],
  ])('%s', async (_name, spec, message) => {
    await expect(apply('wrong', spec)).rejects.toThrow(message);
  });
});

describe('a right one', () => {
  it.each([
    ['poll', POLL],
    ['sftp', SFTP],
    ['sqs', SQS],
    ['webhook', WEBHOOK],
  ])('%s: what is left out is there as its default', async (name, spec) => {
    await apply(name, spec);
    const { spec: full } = await stored(name);
    expect(full).toMatchObject({
      suspend: false,
      filter: { minBytes: 1 },
      afterSuccess: { action: 'Keep' },
      template: { spec: { mode: 'Commit', reload: false, chunkRecords: 1000, parallelism: 4 } },
    });
    expect(full.s3Event?.relistSeconds ?? full.s3Poll?.intervalSeconds ?? full.sftp?.intervalSeconds).toBeGreaterThan(
      0,
    );
    if (name !== 'sftp') return;
    expect(full.s3.prefix).toBe('');
    expect(full.sftp).toMatchObject({
      port: 22,
      directory: '.',
      uploadPrefix: 'raw-uploads/',
      afterFetch: { action: 'Move', directory: 'processed', suffix: '.done' },
    });
  });

  it('can be changed into every other one', async () => {
    await apply('changing', POLL);
    for (const value of [SQS, WEBHOOK, SFTP, POLL]) {
      const patch = JSON.stringify([{ op: 'replace', path: '/spec', value }]);
      await kubectl('patch', 'upsrc', 'changing', '--type=json', '-p', patch);
    }
    await kubectl('patch', 'upsrc', 'changing', '--type=merge', '-p', '{"spec":{"suspend":true}}');
    expect((await stored('changing')).spec).toMatchObject({ suspend: true, s3Poll: { intervalSeconds: 60 } });
  });

  it.each(readdirSync(examples).filter((name) => name.startsWith('uploadsource-')))('the example %s', async (name) => {
    await expect(kubectl('apply', '-f', new URL(name, examples).pathname)).resolves.toMatch(/uploadsource.*created/);
  });

  it('the largest of everything', async () => {
    const text = (length: number) => 'p'.repeat(length);
    const list = Array.from({ length: 32 }, (_, i) => ({ prefix: `${i}${text(510)}`, schemaRef: { name: text(253) } }));
    const map = (length: number) => Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`k${i}`, text(length)]));
    await apply('largest', {
      ...POLL,
      s3: { bucket: 'b'.repeat(63), prefix: text(512), endpoint: `http://${text(505)}`, region: text(64) },
      filter: { suffixes: Array.from({ length: 16 }, (_, i) => `${i}${text(62)}`), pattern: text(256) },
      schemas: list,
      template: { metadata: { labels: map(63), annotations: map(1024) } },
    });
  });
});

it('the largest status that the schema allows is stored, and is under 32 KiB', async () => {
  const name = 'largest-status';
  await apply(name, POLL);
  const time = '2026-01-01T00:00:00Z';
  const count = Number.MAX_SAFE_INTEGER;
  const recent = Array.from({ length: 10 }, () => ({
    key: 'k'.repeat(512),
    reason: 'R'.repeat(64),
    message: 'm'.repeat(256),
    time,
  }));
  const status: UploadSourceStatus = {
    observedGeneration: count,
    conditions: (['Accepted', 'Ready', 'Degraded'] as const).map((type) => ({
      type,
      status: 'Unknown',
      observedGeneration: count,
      lastTransitionTime: time,
      reason: 'R'.repeat(128),
      message: 'm'.repeat(2048),
    })),
    lastEventTime: time,
    lastListTime: time,
    created: count,
    known: count,
    ignored: count,
    failing: count,
    lastCreated: { name: 'n'.repeat(253), key: 'k'.repeat(1024), time },
    recentIgnored: recent,
    recentFailing: recent,
    lagSeconds: count,
  };
  const patch = (change: object) =>
    kubectl(
      ...['patch', 'uploadsource', name, '--subresource=status', '--type=merge', '-o', 'json'],
      ...['-p', JSON.stringify({ status: change })],
    );
  const answer = (JSON.parse(await patch(status)) as UploadSource).status;
  expect(answer).toEqual(status);
  const size = Buffer.byteLength(JSON.stringify(answer));
  expect(size).toBeGreaterThan(16 * 1024);
  expect(size).toBeLessThan(32 * 1024);
  await expect(patch({ recentIgnored: [...recent, recent[0]] })).rejects.toThrow('status.recentIgnored');
});

it('kubectl get shows whether it is ready and what came of it', async () => {
  const conditions = [
    {
      type: 'Ready',
      status: 'False',
      reason: 'QueueTaken',
      message: 'the queue is taken',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    },
  ];
  await apply('shown', SQS);
  const status = { conditions, created: 3, waiting: 4, ignored: 2, failing: 1 };
  await kubectl(
    ...['patch', 'uploadsource', 'shown', '--subresource=status', '--type=merge', '-p', JSON.stringify({ status })],
  );
  const short = (await kubectl('get', 'upsrc', 'shown')).trim().split('\n');
  expect(short[0]!.split(/\s{2,}/)).toEqual(
    'NAME,READY,REASON,CREATED,WAITING,IGNORED,FAILING,LAST CREATED,AGE'.split(','),
  );
  expect(short[1]).toMatch(/^shown\s+False\s+QueueTaken\s+3\s+4\s+2\s+1\s/);
  const wide = await kubectl('get', 'upsrc', 'shown', '-o', 'wide');
  expect(wide).toMatch(/BUCKET\s+PREFIX\s+KNOWN\s+LAG\s+LAST EVENT\s+LAST LIST\s+MESSAGE/);
  expect(wide).toContain('the queue is taken');
});
