/** Compares the table `certifications` and the stored errors of one upload, in full, with the oracle. */
import type pg from 'pg';
import { canonical, expectCertifications } from './oracle.ts';

export interface Comparison {
  succeeded: number;
  failed: number;
  duplicate: number;
  /** @returns the first differences, for people; empty when everything is equal. */
  differences: string[];
}

/** Rows are read in pages by row number, so that a million of them need no memory. */
export async function compareCertifications(
  client: pg.ClientBase,
  uploadId: string,
  file: Buffer,
): Promise<Comparison> {
  const result: Comparison = { succeeded: 0, failed: 0, duplicate: 0, differences: [] };
  const stored = page(
    client,
    `SELECT row_number::float8 AS row, member_id, case_number, certification_date::text, certification_type,
            member_data, certification_requirements
     FROM certifications WHERE batch_upload_id = $1 AND row_number > $2 ORDER BY row_number LIMIT 20000`,
    uploadId,
  );
  const errors = page(
    client,
    `SELECT row_number::float8 AS row, error_code, faults FROM batch_upload.batch_upload_errors
     WHERE batch_upload_id = $1 AND row_number > $2 ORDER BY row_number LIMIT 20000`,
    uploadId,
  );
  const differ = (text: string) => {
    if (result.differences.length < 10) result.differences.push(text);
  };
  for (const expected of expectCertifications(file)) {
    result[expected.outcome] += 1;
    if (expected.outcome === 'succeeded') {
      const next = await stored.next();
      const want = canonical({ row: expected.row, ...expected.columns });
      const have = next.done ? 'nothing' : canonical(next.value);
      if (have !== want) differ(`row ${expected.row}: the table has ${have}, expected ${want}`);
    } else {
      const next = await errors.next();
      const want = expected.outcome === 'duplicate' ? ['DUP_001'] : expected.codes;
      const row = next.done ? undefined : next.value;
      const have = row
        ? { row: row['row'], codes: (row['faults'] as { code: string }[]).map(({ code }) => code) }
        : 'nothing';
      if (canonical(have) !== canonical({ row: expected.row, codes: want })) {
        differ(`row ${expected.row}: the errors have ${canonical(have)}, expected ${want}`);
      }
    }
  }
  if (!(await stored.next()).done) differ('the table has rows that the file does not have');
  if (!(await errors.next()).done) differ('there are errors of rows that the file does not have');
  return result;
}

async function* page(
  client: pg.ClientBase,
  sql: string,
  uploadId: string,
): AsyncGenerator<Record<string, unknown>, void, void> {
  let after = 0;
  for (;;) {
    const { rows } = await client.query<Record<string, unknown>>(sql, [uploadId, after]);
    yield* rows;
    if (rows.length === 0) return;
    after = rows.at(-1)!['row'] as number;
  }
}
