/** Looks at the target table once more when the loading has failed, since somebody may have altered the table. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { Fault, toFault } from '#common/faults.ts';
import type { RunnerDeps } from './deps.ts';
import { verifyTarget } from './target/verify-target.ts';

/** Faults of the database that no table explains. */
const OTHER_FAULTS = new Set(['DB_CONNECTION', 'DB_AUTHENTICATION']);
const MOST_MS = 30_000;

/** @returns the error itself, or a permanent fault that says what is wrong with the table and what to do. */
export async function explainByTarget(
  { openSession }: RunnerDeps,
  schema: RecordSchemaSpec,
  error: unknown,
): Promise<unknown> {
  const fault = toFault(error);
  if (!fault.code.startsWith('DB_') || OTHER_FAULTS.has(fault.code)) return error;
  // The work of the sessions that load may have been ended.
  const session = openSession('explain', AbortSignal.timeout(MOST_MS));
  const wrong = await session.run((client) => verifyTarget(client, schema)).catch(() => null);
  await session.close();
  if (wrong === null) return error;
  return new Fault({
    code: fault.code,
    category: 'permanent',
    reason: wrong.reason,
    message: `The target table was altered after the upload was accepted. ${wrong.message}`,
    cause: fault,
    context: fault.context,
  });
}
