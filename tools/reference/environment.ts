import { markdownTable, pageHead, readDescribedEntries } from './text.ts';

export interface EnvironmentSource {
  title: string;
  introduction: string;
  text: string;
  /** The object literal that lists the variables. */
  name: string;
}

/** The page of environment variables, from the objects that name them. */
export function describeEnvironment(sources: readonly EnvironmentSource[]): string {
  const parts = sources.map(({ title, introduction, text, name }) => {
    const rows = readDescribedEntries(text, name).map(({ value, comment }) => [
      `\`${value.replaceAll("'", '')}\``,
      comment,
    ]);
    return `## ${title}\n\n${introduction}\n\n${markdownTable(['variable', 'what it says'], rows)}`;
  });
  const introduction =
    'The chart sets these variables or leaves them at their defaults; its values `operator.extraEnv`, `bridge.extraEnv` and `gateway.extraEnv` set any others. The values are described in [its README](../../charts/batch-upload/README.md).';
  return [pageHead('Environment variables', introduction), ...parts].join('\n');
}
