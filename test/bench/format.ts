/** Formats results as a table for a terminal, and as the same table in Markdown for the docs. */
import type { Row } from './harness.ts';
import type { Machine } from './machine.ts';
import type { Goal } from './targets.ts';

/** One part as it was measured. test/bench/results/latest.json holds a list of these. */
export interface PartResult {
  part: string;
  title: string;
  records: number;
  bytes: number;
  runs: number;
  date: string;
  machine: Machine;
  baseline: string | null;
  rows: Row[];
  goals: Goal[];
}

export function formatText(result: PartResult): string {
  const lines = [describePart(result), '', ...alignColumns(resultCells(result))];
  if (result.goals.length > 0) lines.push('', ...alignColumns(goalCells(result)));
  return lines.map((line) => line.trimEnd()).join('\n');
}

export function formatMarkdown(results: readonly PartResult[]): string {
  return results
    .map((result) => {
      const parts = [`## ${result.title}`, `${describeSize(result)} ${describeMachine(result.machine)}`];
      parts.push(markdownTable(resultCells(result)));
      if (result.goals.length > 0) parts.push(markdownTable(goalCells(result)));
      return parts.join('\n\n');
    })
    .join('\n\n');
}

const START = '<!-- make bench writes from here -->';
const END = '<!-- to here -->';

/** @throws when one of the two marker lines is missing. */
export function replaceBetweenMarkers(document: string, text: string): string {
  const start = document.indexOf(START);
  const end = document.indexOf(END);
  if (start < 0 || end < start) throw new Error(`the lines '${START}' and '${END}' are missing`);
  return `${document.slice(0, start + START.length)}\n\n${text}\n\n${document.slice(end)}`;
}

function resultCells({ rows, baseline }: PartResult): string[][] {
  if (rows.some(({ cost }) => cost)) return costCells(rows);
  const header = ['', 'time', 'min to max', 'records/s', 'CPU', 'CPU of the server', 'plan', 'peak memory'];
  if (baseline) header.splice(4, 0, `× ${baseline}`);
  const cells = rows.map((row) => {
    const line = [
      row.name,
      `${row.seconds.median.toFixed(1)} s`,
      `${row.seconds.min.toFixed(1)} to ${row.seconds.max.toFixed(1)}`,
      row.recordsPerSecond.toLocaleString('en'),
      `${row.cpuSeconds.toFixed(1)} s`,
      row.serverCpuSeconds === null ? '' : `${row.serverCpuSeconds.toFixed(1)} s`,
      row.planShare === null ? '' : `${(row.planShare * 100).toFixed(1)} %`,
      row.peakBytes === null ? '' : `${Math.round(row.peakBytes / 1e6)} MB`,
    ];
    if (baseline) line.splice(4, 0, row.ratio === null ? '' : row.ratio.toFixed(2));
    return line;
  });
  return [header, ...cells];
}

/** Every figure but the waits and the time is for a million records. */
function costCells(rows: readonly Row[]): string[][] {
  const header = ['', 'time', 'CPU', 'CPU of the server', 'WAL', 'WAL syncs', 'pages hit', 'read', 'new', 'written'];
  header.push('transactions', 'round trips', 'waits for locks', 'for the disk', 'for the client');
  const cells = rows.map(({ name, records, seconds, cpuSeconds, serverCpuSeconds, cost }) => {
    const million = records / 1e6;
    const count = (value: number) => Math.round(value / million).toLocaleString('en');
    const megabytes = (bytes: number) => `${count(bytes / 1e6)} MB`;
    const cpu = (value: number) => `${(value / million).toFixed(1)} s`;
    const share = (value: number) => `${(value * 100).toFixed(0)} %`;
    const { walBytes, walSyncs, bufferHits, readBytes, extendedBytes, writtenBytes, transactions, ...more } = cost!;
    return [
      name,
      `${seconds.median.toFixed(1)} s`,
      cpu(cpuSeconds),
      cpu(serverCpuSeconds ?? 0),
      ...[megabytes(walBytes), count(walSyncs), count(bufferHits)],
      ...[readBytes, extendedBytes, writtenBytes].map(megabytes),
      ...[transactions, more.roundTrips].map(count),
      ...[more.lockWaits, more.diskWaits, more.clientWaits].map(share),
    ];
  });
  return [header, ...cells];
}

function goalCells({ goals }: PartResult): string[][] {
  return [['figure', 'target', 'measured'], ...goals.map(({ figure, goal, measured }) => [figure, goal, measured])];
}

function describePart(result: PartResult): string {
  return `${result.title}\n${describeSize(result)}\n${describeMachine(result.machine)}`;
}

function describeSize({ records, bytes, runs, date }: PartResult): string {
  const size = `${records.toLocaleString('en')} records, ${(bytes / 1e6).toFixed(0)} MB`;
  return `${size}; ${runs === 1 ? 'one run' : `medians of ${runs} runs`}, ${date.slice(0, 10)}.`;
}

function describeMachine({ cores, model, memoryGB, versions, settings }: Machine): string {
  const list = (values: Record<string, string>, separator: string) =>
    Object.entries(values)
      .map(([name, value]) => `${name}${separator}${value}`)
      .join(', ');
  return `${cores} cores (${model}), ${memoryGB} GB; ${list(versions, ' ')}. Server: ${list(settings, '=')}.`;
}

/** Aligns the first column to the left, and the others, which hold numbers, to the right. */
function alignColumns(table: string[][]): string[] {
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  return table.map(
    (row) => `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!))).join('   ')}`,
  );
}

function markdownTable([header, ...rows]: string[][]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(header!), line(header!.map((_, i) => (i === 0 ? '---' : '--:'))), ...rows.map(line)].join('\n');
}
