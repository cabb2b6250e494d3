import { send } from '#page/api/api.ts';
import { apiPath } from '#page/api/client.ts';
import { ProblemError } from '#page/api/problem-error.ts';
import type { Upload } from '#page/api/types.ts';
import { isRunning } from './upload-state.ts';

/** The counts of a running upload change every second, and with them its ETag. */
const TRIES = 5;

/**
 * Changes an upload only when it is still what the person has decided about: the same upload, which runs or has ended as it
 * did. The gateway refuses the change when anything happens in between (If-Match).
 * @throws ProblemError precondition-failed
 */
export async function changeAsSeen<T>(
  seen: Upload,
  change: (headers: Record<string, string>) => Promise<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const { data, headers } = await send<Upload>('GET', apiPath(seen.namespace, 'uploads', seen.name));
    if (data.uid !== seen.uid || isRunning(data) !== isRunning(seen)) {
      throw new ProblemError({ status: 412, type: 'precondition-failed', detail: '' });
    }
    const eTag = headers.get('etag');
    try {
      return await change(eTag === null ? {} : { 'if-match': eTag });
    } catch (error) {
      if (!(error instanceof ProblemError) || error.status !== 412 || tries === TRIES) throw error;
    }
  }
}
