import { markdownTable, pageHead, readDescribedEntries } from './text.ts';

/** The page of conditions and reasons, from the comments of the files `api/*conditions.ts`. */
export function describeConditions({ upload, schema, source }: Record<'upload' | 'schema' | 'source', string>): string {
  return [
    pageHead(
      'Conditions and reasons',
      'A wait, a trouble or an end of a resource is a condition with a reason for programs and a message for people. The message says what to do.',
    ),
    '## BatchUpload\n',
    'A `Failed` condition may also carry the reason of a fault of the job runner, such as `ObjectNotFound`; see [error codes](error-codes.md).\n',
    reasons(upload, 'REASONS'),
    '## RecordSchema\n',
    '`TargetReady` also has the reasons of the target and of the database above.\n',
    reasons(schema, 'SCHEMA_REASONS'),
    '## UploadSource\n',
    reasons(source, 'SOURCE_REASONS'),
    '## Why a file makes no upload\n',
    'These reasons stand in `status.recentIgnored` of an UploadSource and in the metrics of the bridge. An ignored file is not tried again.\n',
    reasons(source, 'IGNORED_REASONS'),
    '## Why a file is not handled yet\n',
    'These reasons stand in `status.recentFailing` of an UploadSource, beside those of `Ready` above. The bridge goes on trying.\n',
    reasons(source, 'FAILING_REASONS'),
  ].join('\n');
}

function reasons(text: string, name: string): string {
  const entries = readDescribedEntries(text, name);
  const groups = Map.groupBy(entries, ({ group }) => group);
  const tables = [...groups].map(([group, members]) => {
    const rows = members.map(({ key, comment }) => [`\`${key}\``, comment]);
    return `${group === '' ? '' : `**${group}**\n\n`}${markdownTable(['reason', 'what it says'], rows)}`;
  });
  return tables.join('\n');
}
