/** What a person may do besides looking at a page, so that the page shows it or leaves it out. */
import type { FastifyRequest } from 'fastify';
import type { BatchUpload } from '#kube/custom-resources.ts';
import { Problem } from '#operator/gateway/http/problem.ts';
import type { Access } from '#operator/gateway/model/types.ts';
import { openFailedRecords } from '#operator/gateway/uploads/failed-records.ts';
import { isVisible } from '#operator/gateway/uploads/find-upload.ts';
import { representUpload } from '#operator/gateway/uploads/represent-upload.ts';
import type { FormDeps } from './form-deps.ts';
import type { Faults } from './upload-page.ts';

/** Samples of a code are shown if they are among so many records. */
const FIRST_RECORDS = 100;

type Asking = Pick<FastifyRequest, 'identity' | 'params'>;

/** @param upload the object of the question; absent: the question is about the namespace */
export async function mayDo(
  { authorizer }: Pick<FormDeps, 'authorizer'>,
  { identity, params }: Asking,
  access: Access,
  upload?: BatchUpload,
): Promise<boolean> {
  const { namespace } = params as { namespace: string };
  const isOwn = upload !== undefined && isVisible(upload, { identity, scope: 'Own' });
  const question = { ...access, namespace, name: upload?.metadata.name, isOwn };
  try {
    return (await authorizer.authorize(identity, question)) === 'All' || isOwn || upload === undefined;
  } catch (error) {
    if (error instanceof Problem && error.type === 'forbidden') return false;
    throw error;
  }
}

/** Why records were refused: from the ledger where the person may read it, or else what the status says. */
export async function readFaults(deps: FormDeps, request: Asking, upload: BatchUpload): Promise<Faults> {
  const { topErrors = [], records } = representUpload(upload);
  const known = { codes: topErrors, records: [], mayRead: false };
  if ((records?.failed ?? 0) === 0) return known;
  const errors: Access = { verb: 'get', resource: 'batchuploads', subresource: 'errors', own: true };
  if (!(await mayDo(deps, request, errors, upload))) return known;
  try {
    const failed = await openFailedRecords(deps, upload);
    if (failed === null) return known;
    const [codes, first] = await Promise.all([failed.codes(), failed.page(0, FIRST_RECORDS)]);
    return {
      codes: codes.map(({ code, count, message }) => ({ code, count, ...(message == null ? {} : { message }) })),
      records: first.map(({ rowNumber, faults }) => ({ row: rowNumber, faults })),
      mayRead: true,
    };
  } catch (err) {
    // The state of the upload is worth showing while its database is away.
    deps.log.warn({ err, name: upload.metadata.name }, 'the failed records of an upload could not be read');
    return { ...known, mayRead: true };
  }
}
