/** Finds the delimiter of a CSV without a schema: the one that gives most records the same number of fields. Pure. */
import { splitRecord } from '#runner/csv/split.ts';
import type { DELIMITERS } from './source-format.ts';

const MOST_RECORDS = 200;
/** Records that have as many fields as the header; texts hold commas too, but seldom the same number in nearly all records. */
const LEAST_CONSISTENT = 0.8;

/** Where two delimiters cut alike, the one wins that stands more seldom in texts and numbers (`1,5;2,5`). */
const BY_RARITY = ['\t', '|', ';', ','] as const satisfies readonly (typeof DELIMITERS)[number][];

/** @param sample the beginning of the file; @param complete nothing comes after the sample */
export function sniffDelimiter(sample: string, complete: boolean, key: string): string {
  const first = /\.(tsv|tab)\b/i.test(key) ? '\t' : ',';
  const records = cutRecords(sample.replace(/^\ufeff/, ''), complete);
  let best: string = first;
  let bestScore = 0;
  for (const delimiter of BY_RARITY) {
    const counts = records.map((record) => splitRecord(record, delimiter).fields.length);
    const fields = counts[0] ?? 1;
    if (fields === 1) continue;
    const share = counts.filter((count) => count === fields).length / counts.length;
    const score = share < LEAST_CONSISTENT ? share / 100 : share * (1 + fields / 1000);
    if (score <= bestScore) continue;
    bestScore = score;
    best = delimiter;
  }
  return best;
}

/** Cuts at line ends that are not within quotes; a delimiter is not known yet, so that every quote counts. */
function cutRecords(text: string, complete: boolean): string[] {
  const records: string[] = [];
  let quotes = 0;
  let record = '';
  const lines = text.split(/\r\n|\r|\n/);
  if (!complete && lines.length > 1) lines.pop();
  for (const line of lines) {
    record = record === '' ? line : `${record}\n${line}`;
    quotes += line.split('"').length - 1;
    if (quotes % 2 === 1) continue;
    if (record.trim() !== '') records.push(record);
    if (records.length === MOST_RECORDS) break;
    record = '';
    quotes = 0;
  }
  return records;
}
