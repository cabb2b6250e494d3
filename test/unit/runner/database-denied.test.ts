import pg from 'pg';
import { expect, it } from 'vitest';
import { databaseFault } from '#ledger/connection/postgres.ts';

it.each([
  [
    'no pg_hba.conf entry for host "1.2.3.4", user "u", database "d", no encryption',
    /without TLS.*sslmode=disable.*else/,
  ],
  ['no pg_hba.conf entry for host "1.2.3.4", user "u", database "d", SSL encryption', /no entry for them/],
  ['connection requires a valid client certificate', /client certificate.*password only/],
  ['role "u" is not permitted to log in', /refused the credentials/],
])('the database answers "%s": said what to change', (message, expected) => {
  const error = Object.assign(new pg.DatabaseError(message, 0, 'error'), { code: '28000' });
  const fault = databaseFault(error);
  expect(fault.code).toBe('DB_AUTHENTICATION');
  expect(fault.message).toMatch(expected);
  expect(fault.message).not.toContain('1.2.3.4');
});

it.each(['22021', '22P05'])('SQLSTATE %s, which U+0000 in a text of the upload causes: said what to change', (code) => {
  const fault = databaseFault(Object.assign(new pg.DatabaseError('a text', 0, 'error'), { code }));
  expect(fault.message).toMatch(/U\+0000.*(without this|use other)/);
});

it('COMMIT is refused by a full queue of notifications: tried again, and said what to end', () => {
  const error = Object.assign(new pg.DatabaseError('too many notifications in the NOTIFY queue', 0, 'error'), {
    ...{ code: '54000', routine: 'PreCommit_Notify' },
  });
  const fault = databaseFault(error);
  expect(fault).toMatchObject({ code: 'DB_54000', category: 'retryable', reason: 'DatabaseUnavailable' });
  expect(fault.message).toMatch(/queue of notifications is full.*end the session that listens/);
  const other = Object.assign(new pg.DatabaseError('too large', 0, 'error'), { code: '54000', routine: 'f' });
  expect(databaseFault(other).category).toBe('permanent');
});
