/** The options that declare what a file is, in the words of a BatchUpload's `spec.format`. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type ColumnMapping, type DeclaredFormat, ENCODINGS } from '#api/source-format.ts';

const TYPES = ['csv', 'ndjson', 'xlsx'];
const COMPRESSIONS = ['none', 'gzip', 'zip', 'zstd'];

const PREFIX = 'format.';
const GROUP = 'What the file is, where it is not detected:';

export function addFormatOptions(command: Command): Command {
  const option = (flags: string, description: string) => new Option(flags, description).helpGroup(GROUP);
  const character = (flags: string, description: string) => option(flags, description).argParser(readCharacter);
  return command
    .addOption(option('--format.type <type>', 'kind of file').choices(TYPES))
    .addOption(option('--format.compression <method>', 'compression').choices(COMPRESSIONS))
    .addOption(option('--format.encoding <encoding>', 'encoding of the text').choices(ENCODINGS))
    .addOption(character('--format.dialect.delimiter <char>', 'character between two fields; \\t is a tab'))
    .addOption(character('--format.dialect.quoteChar <char>', 'quote; empty for a file without quoting'))
    .addOption(character('--format.dialect.escapeChar <char>', 'character before one that stands for itself'))
    .addOption(character('--format.dialect.commentChar <char>', 'character that begins a comment line'))
    .addOption(option('--format.dialect.no-doubleQuote', 'a quote inside quotes is not written twice'))
    .addOption(option('--format.dialect.skipInitialSpace', 'spaces before a field are not part of it'));
}

/** The option for commands that have a schema. */
export function addColumnsOption(command: Command): Command {
  const description = 'a column that is a field by another name; NAME= leaves it out; may be given many times';
  return command.addOption(
    new Option('--format.columns <name=field>', description).helpGroup(GROUP).argParser(addColumn),
  );
}

function readCharacter(text: string): string {
  const character = text === '\\t' || text.toLowerCase() === 'tab' ? '\t' : text;
  if (character.length <= 1 && character.charCodeAt(0) !== 0x0a && !(character.charCodeAt(0) > 0x7e)) return character;
  throw new InvalidArgumentError('Give one ASCII character.');
}

/** The last `=` divides: a name in a header is any text, and the name of a field mostly has none. */
function addColumn(text: string, before: ColumnMapping[] = []): ColumnMapping[] {
  const at = text.lastIndexOf('=');
  const [name, field] = [text.slice(0, at), text.slice(at + 1)];
  if (at < 1) throw new InvalidArgumentError('Give NAME=FIELD, or NAME= for a column that is left out.');
  if (before.some((column) => column.name === name))
    throw new InvalidArgumentError(`The column ${name} is named twice.`);
  return [...before, field === '' ? { name, ignore: true } : { name, field }];
}

/** @param options what commander has read */
export function readFormatOptions(options: Record<string, unknown>): DeclaredFormat {
  const declared: Record<string, unknown> = {};
  const dialect: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options)) {
    if (!name.startsWith(PREFIX) || value === undefined) continue;
    const word = name.slice(PREFIX.length);
    if (!word.startsWith('dialect.')) declared[word] = value;
    else if (word === 'dialect.noDoubleQuote') dialect['doubleQuote'] = false;
    else dialect[word.slice('dialect.'.length)] = value;
  }
  return { ...declared, ...(Object.keys(dialect).length > 0 ? { dialect } : {}) };
}
