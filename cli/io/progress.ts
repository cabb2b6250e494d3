/** Shows how far a file is read: a bar on a terminal, a line now and then elsewhere. */
import { paintFor } from './terminal.ts';

export interface Progress {
  /** Notes how many records are done and which share of the file's bytes is read, from 0 to 1. */
  update(records: number, share: number, step?: string): void;
  /** Removes the bar. */
  clear(): void;
}

const BAR_INTERVAL_MS = 100;
const LINE_INTERVAL_MS = 10_000;
/** A file that is read sooner shows nothing. */
const QUIET_MS = 400;
const BAR_CELLS = 24;

export function createProgress(stream: NodeJS.WriteStream, what: string): Progress {
  const paint = paintFor(stream);
  const startedAt = performance.now();
  let shownAt = startedAt + (stream.isTTY ? QUIET_MS - BAR_INTERVAL_MS : 0);
  let isShown = false;
  return {
    update(records, share, step = what) {
      const now = performance.now();
      if (now - shownAt < (stream.isTTY ? BAR_INTERVAL_MS : LINE_INTERVAL_MS)) return;
      shownAt = now;
      const text = describe(records, share, (now - startedAt) / 1000);
      if (!stream.isTTY) {
        stream.write(`${step}: ${text}\n`);
        return;
      }
      isShown = true;
      const bar = formatBar(share);
      const line = `${step} ${bar} ${text}`.slice(0, Math.max(20, (stream.columns || 80) - 1));
      stream.write(`\r\x1b[2K${line.replace(bar, paint('cyan', bar))}`);
    },
    clear() {
      if (isShown) stream.write('\r\x1b[2K');
      isShown = false;
    },
  };
}

const PARTS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

export function formatBar(share: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * BAR_CELLS * 8);
  const full = '█'.repeat(eighths >> 3) + PARTS[eighths & 7];
  return `▕${full.padEnd(BAR_CELLS)}▏`;
}

export function describe(records: number, share: number, seconds: number): string {
  const rate = Math.round(records / Math.max(seconds, 0.001));
  const percent = `${Math.floor(share * 100)}%`;
  const left = share > 0 && share < 1 ? `, ${formatDuration((seconds / share) * (1 - share))} left` : '';
  return `${percent}, ${records.toLocaleString('en')} records, ${rate.toLocaleString('en')}/s${left}`;
}

export function formatDuration(seconds: number): string {
  const whole = Math.max(1, Math.ceil(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
