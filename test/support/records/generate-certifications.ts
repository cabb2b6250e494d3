/** node test/support/records/generate-certifications.ts --records N [--seed S] [--crlf] > file.csv; the counts go to standard error. */
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { generateCertifications } from './certifications.ts';

const { values } = parseArgs({
  options: {
    records: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    crlf: { type: 'boolean', default: false },
  },
});
const { pieces, counts } = generateCertifications({
  records: Number(values.records),
  seed: Number(values.seed),
  lineEnd: values.crlf ? '\r\n' : '\n',
});
for (const piece of pieces) if (!process.stdout.write(piece)) await once(process.stdout, 'drain');
process.stderr.write(`${JSON.stringify(counts)}\n`);
