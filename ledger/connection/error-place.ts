import type { DatabaseError } from 'pg';

/**
 * Names the function in which an error of PostgreSQL was raised. Only the first line of the error's context is read: the
 * lines behind it can hold statements and values.
 * @returns null where the error was not raised by a PL/pgSQL function, or the server speaks another language.
 */
export function functionOf({ where }: { where?: string | undefined }): string | null {
  const found = /^PL\/pgSQL function ([^\n]*?\))(?: line (\d+))?/.exec(where ?? '');
  if (!found) return null;
  const [, name, line] = found;
  return `function ${name}${line ? ` line ${line}` : ''}`;
}

/** Was COMMIT refused because the server's queue of notifications is full? A trigger that calls pg_notify can cause it. */
export function isNotifyQueueFull({ code, routine }: Pick<DatabaseError, 'code' | 'routine'>): boolean {
  return code === '54000' && routine === 'PreCommit_Notify';
}

/** Was the error made by the PL/pgSQL statement RAISE, whose author can choose any SQLSTATE? */
export function isRaised({ routine }: Pick<DatabaseError, 'routine'>): boolean {
  return routine === 'exec_stmt_raise';
}
