/** Says what is wrong with a target table that was altered while a file is loaded into it. */
import { Fault, toFault } from '#common/faults.ts';
import type { PlannedUpload } from '#ledger/types.ts';
import { verifyTarget } from '#runner/target/verify-target.ts';
import type { Session } from './session.ts';

/** PostgreSQL gives the class 42 to statements that do not fit to the table, or to the rights of the role. */
const MAY_BE_THE_TARGET = /^DB_(42|TARGET_CHANGED)/;

/**
 * Looks at the target again after a fault that its change can be the cause of. @returns the fault with the reason and the
 * message that an upload into such a table would get, else the error itself.
 */
export async function explainByTarget(
  session: Session,
  { schema }: Pick<PlannedUpload, 'schema'>,
  error: unknown,
): Promise<unknown> {
  const { code } = toFault(error);
  if (!MAY_BE_THE_TARGET.test(code)) return error;
  // A session is prepared for the table as it was, and could not be prepared again.
  session.prepareBy(async () => undefined);
  const why = await session.run((client) => verifyTarget(client, schema)).catch(() => null);
  return why ? new Fault({ ...why, code, category: 'permanent', cause: error }) : error;
}
