/** What kind of file it is, in words. */
import { Fragment } from 'preact';
import type { SourceFormat } from '#api/source-format.ts';
import { t } from '#page/texts/language.ts';
import type { TextKey } from '#page/texts/text.ts';

const TYPES = { csv: 'wizard.kind-csv', ndjson: 'wizard.kind-ndjson', xlsx: 'wizard.kind-xlsx' } as const;
const DELIMITERS: Record<string, TextKey> = {
  ',': 'wizard.delimiter-comma',
  ';': 'wizard.delimiter-semicolon',
  '\t': 'wizard.delimiter-tab',
  '|': 'wizard.delimiter-pipe',
};

export function FileKind({ format: { type, compression, encoding, delimiter } }: { format: SourceFormat }) {
  const facts: [string, string][] = [[t('wizard.kind'), t(TYPES[type])]];
  if (compression !== 'none') facts.push([t('wizard.compression'), compression === 'zip' ? 'ZIP' : compression]);
  if (encoding !== null) facts.push([t('wizard.encoding'), encoding.toUpperCase()]);
  if (delimiter !== null) {
    const known = DELIMITERS[delimiter];
    facts.push([t('wizard.delimiter'), known === undefined ? delimiter : t(known as 'wizard.delimiter-comma')]);
  }
  return (
    <dl class="app-facts">
      {facts.map(([name, value]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
