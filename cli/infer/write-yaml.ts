/** Writes a proposal as the YAML that `kubectl apply` takes, with a comment for every guess. Pure. */
import { describeFormat } from '#cli/validate/format-report.ts';
import { count } from '#common/text.ts';
import type { Proposal } from './infer-schema.ts';

export function writeProposal(
  { name, spec, fields, keyNote, otherKeys, format, report }: Proposal,
  file: string,
): string {
  const { target, primaryKey, fieldsMatch } = spec;
  const lines = [
    `# Proposed by batch-upload infer from ${inComment(file)}: ${count(report.records, 'record')}, ${describeFormat(format)}.`,
    '# A field is required where no value was missing. What a comment calls a guess is for you to confirm or to correct.',
    'apiVersion: batchupload.dev/v1alpha1',
    'kind: RecordSchema',
    'metadata:',
    `  name: ${scalar(name)}`,
    'spec:',
    '  fields:',
    ...fields.map(({ field, guesses }) => {
      const { type, name: fieldName, ...rest } = field;
      const comment = guesses.length > 0 ? ` # guess: ${inComment(guesses.join('; '))}` : '';
      // Text is the default type.
      return `    - ${flow({ name: fieldName, ...(type === 'string' ? {} : { type }), ...rest })}${comment}`;
    }),
    ...(fieldsMatch === 'equal'
      ? []
      : [`  fieldsMatch: ${fieldsMatch} # some columns of the file have no name, or are too many`]),
    ...(primaryKey.length > 0
      ? [`  primaryKey: ${flow(primaryKey)} # ${inComment(keyNote)}`]
      : [`  # No primaryKey: ${keyNote}.`]),
    ...(otherKeys.length > 0
      ? [
          `  # Unique, too: ${inComment(
            otherKeys
              .slice(0, 5)
              .map((key) => key.join(' + '))
              .join('; '),
          )}`,
        ]
      : []),
    '  target:',
    `    table: ${scalar(target.table)}`,
    '    create: true',
    `    onDuplicate: ${target.onDuplicate}`,
    '    columns:',
    ...target.columns.map((column) => `      - ${flow(column)}`),
  ];
  return `${lines.join('\n')}\n`;
}

function inComment(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

/** One line of YAML that all readers understand alike. */
export function flow(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(flow).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).filter(([, child]) => child !== undefined);
    return `{ ${entries.map(([name, child]) => `${name}: ${flow(child)}`).join(', ')} }`;
  }
  return typeof value === 'string' ? scalar(value) : String(value);
}

/** YAML 1.1, which Kubernetes' tools read, takes these words for something else than text. */
const WORDS = /^(?:y|n|yes|no|on|off|true|false|null|nan|inf)$/i;

function scalar(text: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*$/.test(text) && !WORDS.test(text)) return text;
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
