/** What a person reads of a load, and what a program does. Pure. */
import type { Paint } from '#cli/io/paint.ts';
import { count } from '#common/text.ts';
import type { LoadResult } from './load-result.ts';

export function formatLoadJson(result: LoadResult): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}

export function formatLoad(result: LoadResult, paint: Paint): string {
  const lines = [...formatErrors(result, paint), ...formatSummary(result, paint)];
  return `${lines.join('\n')}\n`;
}

function formatErrors({ errors, firstErrors }: LoadResult, paint: Paint): string[] {
  return errors.flatMap(({ code, count: records }) => {
    const first = firstErrors.filter((error) => error.code === code);
    const rowWidth = Math.max(0, ...first.map(({ rowNumber }) => String(rowNumber).length));
    const rows = first.map(({ rowNumber, field, message }) => {
      const place = `row ${String(rowNumber).padStart(rowWidth)}`;
      return `  ${place}  ${field === null ? '' : `${paint('cyan', field)}  `}${message}`;
    });
    const others = records - first.length;
    return [
      `${paint('red', paint('bold', code))}  ${count(records, 'record')}`,
      ...rows,
      ...(others > 0 ? [paint('dim', `  … and ${others.toLocaleString('en')} more`)] : []),
      '',
    ];
  });
}

function formatSummary(result: LoadResult, paint: Paint): string[] {
  const { file, table, status, message, mode, records, durationMs, uploadId } = result;
  const seconds = Math.max(durationMs, 1) / 1000;
  const speed = `${seconds.toFixed(seconds < 10 ? 2 : 0)} s, ${Math.round(records.processed / seconds).toLocaleString('en')} records/s · upload ${uploadId}`;
  const verb = mode === 'Validate' ? 'would be loaded' : 'loaded';
  if (result.alreadyLoaded) return [`${paint('green', '✔')} ${file}: nothing to load`, `  ${message}`];
  const parts = [
    `${records.succeeded.toLocaleString('en')} of ${count(records.total, 'record')} ${verb} into ${table}`,
    ...(records.updated > 0 ? [`${records.updated.toLocaleString('en')} of them updated`] : []),
    ...(records.duplicate > 0 ? [count(records.duplicate, 'duplicate')] : []),
    ...(records.failed > 0 ? [`${records.failed.toLocaleString('en')} failed`] : []),
  ];
  const isGood = status === 'Complete' && records.failed === 0;
  return [
    `${paint(isGood ? 'green' : 'red', isGood ? '✔' : '✘')} ${file}: ${paint('bold', parts.join(', '))}`,
    ...(message === null ? [] : [`  ${message}`]),
    `  ${paint('dim', speed)}`,
  ];
}
