/** The failed records of an upload: counts by code, pages, and all of them as a file. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { Type } from 'typebox';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { createOpenCount } from '#operator/gateway/http/open-count.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { Access, GatewayApp } from '#operator/gateway/model/types.ts';
import { noFailedRecords, openFailedRecords } from './failed-records.ts';
import { findUpload } from './find-upload.ts';
import { LIMIT } from './list-uploads.ts';
import type { UploadDeps, UploadRequest } from './upload-deps.ts';
import { UPLOAD_PARAMS } from './upload-schemas.ts';

/**
 * No role that Kubernetes aggregates has this right: who may see uploads may not see what the files of others hold. Whoever
 * has sent a file knows it.
 */
const ACCESS: Access = { verb: 'get', resource: 'batchuploads', subresource: 'errors', own: true };
const DEFAULT_LIMIT = 100;
/** Downloads at the same time, of one user and of all, in one replica; each holds a page of records. */
const MOST_OF_ONE = 4;
const MOST = 16;
/** A download whose reader takes nothing for this time ends. */
const STALLED_MS = 60_000;
/** A download that takes longer ends, however steadily its reader takes a little. */
const LIFE_MS = 3_600_000;
const tags = ['uploads'];

const ERROR_COUNTS = Type.Object(
  {
    failed: Type.Integer({ minimum: 0, description: 'The failed records.' }),
    codes: Type.Array(
      Type.Object({
        code: Type.String({ description: 'The code of the records’ first fault.' }),
        count: Type.Integer({ minimum: 0, description: 'The failed records with this code.' }),
        message: Type.Optional(Type.String({ description: 'What the code means in this file.' })),
      }),
      { description: 'The codes, the most frequent first.' },
    ),
  },
  { description: 'The failed records by their codes.' },
);

const FAULT = Type.Object({
  code: Type.String({ description: 'The code of the fault.' }),
  field: Type.Optional(
    Type.String({ description: 'The field with the fault; absent when it is of the whole record.' }),
  ),
  message: Type.String({ description: 'What is wrong, without a value of the record.' }),
});
const RECORD_PAGE = Type.Object(
  {
    items: Type.Array(
      Type.Object({
        row: Type.Integer({ minimum: 1, description: 'The row in the file; the header is row 1.' }),
        faults: Type.Array(FAULT, { description: 'Every fault of the record.' }),
        data: Type.Optional(
          Type.String({
            description:
              'The record as a line of CSV with commas. Sensitive values are masked, and a long text is cut. Absent when the upload keeps no texts.',
          }),
        ),
      }),
      { description: 'Failed records in the order of their rows.' },
    ),
    nextAfter: Type.Optional(
      Type.Integer({ description: 'The value of after for the next page; absent on the last page.' }),
    ),
  },
  { description: 'A page of failed records.' },
);

const RECORDS_QUERY = Type.Object(
  {
    after: Type.Optional(
      Type.String({ pattern: '^[0-9]{1,15}$', description: 'Only records after this row. The default is 0.' }),
    ),
    limit: LIMIT,
  },
  { additionalProperties: false },
);
const CSV_QUERY = Type.Object(
  {
    formulas: Type.Optional(
      Type.Enum(['neutralized', 'kept'], {
        type: 'string',
        description:
          'A value that a spreadsheet would compute, such as =1+1, gets an apostrophe (neutralized, the default) or stays as it is (kept).',
      }),
    ),
  },
  { additionalProperties: false },
);

type Asked = Pick<UploadRequest, 'params' | 'identity' | 'scope'>;

export function errorRoutes(app: GatewayApp, deps: UploadDeps & { failedRecordsFile: FailedRecordsFile }): void {
  countsRoute(app, deps);
  recordsRoute(app, deps);
  fileRoute(app, deps);
}

function findUploadOf(deps: UploadDeps, { params, identity, scope }: Asked): Promise<BatchUpload> {
  return findUpload(deps, { ...params, identity, scope });
}

function countsRoute(app: GatewayApp, deps: UploadDeps): void {
  app.get(
    '/uploads/:name/errors',
    {
      config: { access: ACCESS },
      schema: {
        operationId: 'getErrors',
        summary: 'Count the failed records by their codes',
        tags,
        params: UPLOAD_PARAMS,
        response: { 200: ERROR_COUNTS },
      },
    },
    async (request) => {
      const records = await openFailedRecords(deps, await findUploadOf(deps, request));
      const codes = (await records?.codes()) ?? [];
      return {
        failed: codes.reduce((sum, { count }) => sum + count, 0),
        codes: codes.map(({ code, count, message }) => ({ code, count, ...(message ? { message } : {}) })),
      };
    },
  );
}

function recordsRoute(app: GatewayApp, deps: UploadDeps): void {
  app.get(
    '/uploads/:name/errors/records',
    {
      config: { access: ACCESS },
      schema: {
        operationId: 'listFailedRecords',
        summary: 'List failed records with their faults',
        tags,
        params: UPLOAD_PARAMS,
        querystring: RECORDS_QUERY,
        response: { 200: RECORD_PAGE },
      },
    },
    async (request) => {
      const { after = '0', limit = String(DEFAULT_LIMIT) } = request.query;
      const records = await openFailedRecords(deps, await findUploadOf(deps, request));
      // One more record than asked for tells whether there is another page.
      const found = (await records?.page(Number(after), Number(limit) + 1)) ?? [];
      const items = found.slice(0, Number(limit)).map(({ rowNumber, faults, rowData }) => ({
        row: rowNumber,
        faults: faults.map(({ code, field, message }) => ({ code, message, ...(field === null ? {} : { field }) })),
        ...(rowData === null ? {} : { data: rowData }),
      }));
      return { items, ...(found.length > items.length ? { nextAfter: items.at(-1)!.row } : {}) };
    },
  );
}

function fileRoute(app: GatewayApp, { failedRecordsFile }: { failedRecordsFile: FailedRecordsFile }): void {
  app.get(
    '/uploads/:name/errors.csv',
    {
      exposeHeadRoute: false,
      config: { access: ACCESS },
      schema: {
        operationId: 'getFailedRecordsFile',
        summary: 'Get all failed records as a file',
        description:
          'A CSV with the columns of the upload’s file and _row, _code and _message. A file that is cut off by a fault has no proper end: its transfer fails.',
        tags,
        params: UPLOAD_PARAMS,
        querystring: CSV_QUERY,
        response: {
          200: { description: 'The failed records.', content: { 'text/csv': { schema: Type.String() } } },
        },
      },
    },
    (request, reply) =>
      failedRecordsFile(request, reply as never, { keepsFormulas: request.query.formulas === 'kept' }) as never,
  );
}

/** Answers with all failed records of an upload as a file. The downloads of all routes that have the file count together. */
export type FailedRecordsFile = (
  request: Asked,
  reply: FastifyReply,
  options: { keepsFormulas: boolean },
) => Promise<FastifyReply>;

export function createFailedRecordsFile(deps: UploadDeps): FailedRecordsFile {
  const downloads = createOpenCount({ mostOfOne: MOST_OF_ONE, most: MOST });
  return async (request, reply, { keepsFormulas }) => {
    const upload = await findUploadOf(deps, request);
    const end = downloads.begin(request.identity.user);
    if (end === null) {
      const detail =
        downloads.of(request.identity.user) >= MOST_OF_ONE
          ? `You are reading ${MOST_OF_ONE} files of failed records, and may read no more at the same time. Read one to its end first.`
          : 'Many files of failed records are being read now. Try again in some seconds.';
      throw new Problem('too-many-requests', { detail, retryAfterSeconds: 5 });
    }
    try {
      const records = await openFailedRecords(deps, upload);
      const pieces = (await records?.csv({ keepsFormulas })) ?? noFailedRecords();
      const stream = streamOf(pieces, { deps, upload });
      stream.once('close', end);
      return reply.headers(fileHeaders(`${upload.metadata.name}-errors.csv`)).send(stream);
    } catch (error) {
      end();
      throw error;
    }
  };
}

/** A browser saves the file and never shows it, whatever its records hold. The name of an upload needs no quoting. */
function fileHeaders(name: string): Record<string, string> {
  return {
    'content-type': 'text/csv; charset=utf-8',
    'content-disposition': `attachment; filename="${name}"`,
    'x-content-type-options': 'nosniff',
    'cache-control': 'no-store',
  };
}

function streamOf(
  pieces: AsyncGenerator<Buffer, void, void>,
  { deps: { clock, log }, upload }: { deps: UploadDeps; upload: BatchUpload },
): Readable {
  const { namespace, name } = upload.metadata;
  async function* watched(): AsyncGenerator<Buffer, void, void> {
    try {
      for await (const piece of pieces) {
        const cancel = clock.schedule(STALLED_MS, () => stream.destroy());
        try {
          yield piece;
        } finally {
          cancel();
        }
      }
    } catch (err) {
      log.warn({ err, namespace, name }, 'a file of failed records was cut off');
      throw err;
    }
  }
  const stream = Readable.from(watched(), { objectMode: false });
  stream.once(
    'close',
    clock.schedule(LIFE_MS, () => stream.destroy()),
  );
  return stream;
}
