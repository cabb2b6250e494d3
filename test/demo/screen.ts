/** A live table and a few styles for a terminal. Where the output is no terminal, the lines are plain. */

const terminal = process.stdout.isTTY === true;
const style = (code: number) => (text: string) => (terminal ? `\x1b[${code}m${text}\x1b[0m` : text);

export const dim = style(2);
export const good = style(32);
export const wrong = style(31);
const bold = style(1);

export function title(text: string): void {
  console.log(`\n${bold(text)}`);
}

export function formatDuration(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}

/**
 * On a terminal the table is painted over itself; elsewhere the table is printed again only when a cell has changed.
 */
export function createTable(header: string[]): { show(rows: string[][]): void } {
  let painted = 0;
  let last = '';
  return {
    show(rows) {
      const all = [header, ...rows];
      const widths = header.map((_, i) => Math.max(...all.map((row) => row[i]?.length ?? 0)));
      const lines = all.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}`.trimEnd());
      if (terminal) {
        const width = process.stdout.columns || 120;
        if (painted > 0) process.stdout.write(`\x1b[${painted}A`);
        for (const line of lines) process.stdout.write(`\x1b[2K${line.slice(0, width - 1)}\n`);
        painted = lines.length;
      } else if (lines.join('\n') !== last) {
        console.log(lines.slice(last === '' ? 0 : 1).join('\n'));
      }
      last = lines.join('\n');
    },
  };
}
