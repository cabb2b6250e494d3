/** Describes a schema to a sender of files, as Markdown. Pure. */
import type { RecordSchemaSpec } from '#api/record-schema.gen.ts';
import { examplesOfFields, findExample, formatTemplate } from '#runner/report/example-record.ts';
import { describeLimits, describeType } from './describe-field.ts';

export async function describeSchema(schema: RecordSchemaSpec, name: string): Promise<string> {
  const { fields, primaryKey = [] } = schema;
  const examples = await examplesOfFields(schema);
  const template = await findExample(schema);
  const rows = fields.map((field, i) => {
    const isRequired = field.constraints?.required === true || primaryKey.includes(field.name);
    const about = [
      ...(field.title ? [field.title] : []),
      ...(field.description ? [field.description] : []),
      ...describeLimits(field),
    ];
    const example = examples[i] === null || examples[i] === undefined ? '' : code(examples[i]);
    return [code(field.name), describeType(field), isRequired ? 'yes' : '', about.join('; '), example];
  });
  const sections = [
    `# ${name}`,
    `A file of ${name} is a CSV in UTF-8, NDJSON (one object in a line) or XLSX, also compressed by gzip, zstd or ZIP. Its first row has the names of the columns${HEADER_RULES[schema.fieldsMatch]} Letter case, spaces, \`_\` and \`-\` in the names do not matter.`,
    `## Columns\n\n${table(['column', 'type', 'required', 'allowed', 'example'], rows)}`,
    ...aliasSection(schema),
    describeMissing(schema),
    ...ruleSection(schema),
    ...keySection(schema),
    ...(template ? [`## Example\n\n\`\`\`csv\n${formatTemplate(schema, template)}\`\`\``] : []),
  ];
  return `${sections.join('\n\n')}\n`;
}

const HEADER_RULES: Record<RecordSchemaSpec['fieldsMatch'], string> = {
  equal: ': all of the columns below, in any order, and no others.',
  exact: ': all of the columns below, in this order, and no others.',
  subset: ': all of the columns below, in any order; other columns are ignored.',
  superset: ' in any order; columns that are not required may be absent, and there are no others.',
  partial: ' in any order; columns that are not required may be absent, and other columns are ignored.',
};

function aliasSection({ fields }: RecordSchemaSpec): string[] {
  const aliased = fields.filter(({ aliases = [] }) => aliases.length > 0);
  if (aliased.length === 0) return [];
  const lines = aliased.map(
    ({ name, aliases = [] }) => `- ${code(name)} may also be called ${aliases.map(code).join(', ')}.`,
  );
  return [lines.join('\n')];
}

function describeMissing({ fields, missingValues = [] }: RecordSchemaSpec): string {
  const own = fields.filter((field) => field.missingValues && field.missingValues.length > 0);
  const words = missingValues.length > 0 ? ` So do ${missingValues.map(code).join(', ')}.` : '';
  const ofFields = own.map(
    (field) => ` In ${code(field.name)}, ${field.missingValues!.map(code).join(', ')} means no value, too.`,
  );
  return `A blank cell means that there is no value.${words}${ofFields.join('')}`;
}

function ruleSection({ rules = [] }: RecordSchemaSpec): string[] {
  if (rules.length === 0) return [];
  return [
    `## Rules\n\n${table(
      ['what must hold', 'code of the fault'],
      rules.map(({ message, code: fault }) => [message, fault]),
    )}`,
  ];
}

const DUPLICATES: Record<RecordSchemaSpec['target']['onDuplicate'], string> = {
  Skip: 'A record whose key is stored already, or occurs earlier in the file, is counted as a duplicate and changes nothing.',
  Update:
    'A record whose key is stored already takes the place of the stored record. Of equal keys in one file the last record stays.',
  Fail: 'A record whose key is stored already, or occurs earlier in the file, fails with the code DUP_001.',
};

function keySection({ primaryKey = [], target }: RecordSchemaSpec): string[] {
  if (primaryKey.length === 0)
    return [
      '## Key\n\nRecords have no key: every valid record of a file is added to those that are stored. The same file is loaded once. A file of other content that repeats records adds them again, so that each file has to hold new records only.',
    ];
  const names = primaryKey.map(code);
  const key = names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} and ${names.at(-1)} together`;
  return [`## Key\n\nEach record is identified by ${key}. ${DUPLICATES[target.onDuplicate]}`];
}

function table(header: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replace(/[\r\n]+/g, ' ')).join(' | ')} |`;
  return [line(header), `|${header.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

/** A text with backticks needs more of them around it. */
function code(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``;
}
