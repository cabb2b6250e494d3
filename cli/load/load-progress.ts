import { formatBar, formatDuration } from '#cli/io/progress.ts';
import { paintFor } from '#cli/io/terminal.ts';

export interface LoadProgress {
  /** The file is read to find its records. @param bytesRead gives the bytes so far */
  planning(bytesRead: () => number): void;
  loading(processed: number, total: number): void;
  /** Says something once. */
  note(text: string): void;
  clear(): void;
}

const BAR_MS = 200;
const LINE_MS = 10_000;

/** A bar on a terminal, a line now and then elsewhere. */
export function createLoadProgress(stream: NodeJS.WriteStream): LoadProgress {
  const paint = paintFor(stream);
  const notes = new Set<string>();
  let startedAt = performance.now();
  let shownAt = startedAt;
  let timer: NodeJS.Timeout | undefined;
  let isShown = false;

  function show(what: string, share: number | null, text: string): void {
    const now = performance.now();
    if (now - shownAt < (stream.isTTY ? BAR_MS : LINE_MS)) return;
    shownAt = now;
    if (!stream.isTTY) {
      stream.write(`${what}: ${text}\n`);
      return;
    }
    const bar = share === null ? '' : ` ${paint('cyan', formatBar(share))}`;
    stream.write(`\r\x1b[2K${what}${bar} ${text}`);
    isShown = true;
  }

  function clear(): void {
    clearInterval(timer);
    timer = undefined;
    if (isShown) stream.write('\r\x1b[2K');
    isShown = false;
  }

  return {
    planning(bytesRead) {
      timer = setInterval(
        () => show('reading', null, `${(bytesRead() / 2 ** 20).toFixed(0)} MiB, to find the records`),
        stream.isTTY ? BAR_MS : LINE_MS,
      );
      timer.unref();
    },
    loading(processed, total) {
      if (timer) {
        clear();
        startedAt = performance.now();
      }
      const seconds = (performance.now() - startedAt) / 1000;
      const share = total === 0 ? 1 : processed / total;
      const rate = Math.round(processed / Math.max(seconds, 0.001));
      const left = share > 0 && share < 1 ? `, ${formatDuration((seconds / share) * (1 - share))} left` : '';
      const counts = `${processed.toLocaleString('en')} of ${total.toLocaleString('en')} records`;
      show('loading', share, `${Math.floor(share * 100)}%, ${counts}, ${rate.toLocaleString('en')}/s${left}`);
    },
    note(text) {
      if (notes.has(text)) return;
      notes.add(text);
      clear();
      stream.write(`${text}\n`);
    },
    clear,
  };
}
