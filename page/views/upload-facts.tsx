import type { ComponentChildren } from 'preact';
import { session } from '#page/api/api.ts';
import type { MatchedColumn, Schema, Upload } from '#page/api/types.ts';
import { Table } from '#page/app/components/table.tsx';
import { Link } from '#page/app/link.tsx';
import { routes } from '#page/app/routes.ts';
import { formatBytes, formatMoment } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';

export interface UploadFactsProps {
  upload: Upload;
  /** Null when it is not known. */
  schema: Schema | null;
}

export function UploadFacts({ upload, schema }: UploadFactsProps) {
  const { file, createdAt, createdBy, startedAt, completedAt, retryGeneration } = upload;
  const moment = (at: string) => <time dateTime={at}>{formatMoment(language.value, at)}</time>;
  return (
    <section class="app-card" aria-labelledby="facts">
      <h2 id="facts">{t('upload.facts')}</h2>
      <dl class="app-facts">
        <Fact name={t('upload.fact-file')}>{file.name}</Fact>
        {file.sizeBytes !== undefined && (
          <Fact name={t('upload.fact-size')}>{formatBytes(language.value, file.sizeBytes)}</Fact>
        )}
        <Fact name={t('upload.fact-schema')}>
          <Link href={routes.template(upload.namespace, upload.schema)}>{upload.schema}</Link>
        </Fact>
        <Fact name={t('upload.fact-mode')}>{t(`upload.mode-${upload.mode}`)}</Fact>
        <Fact name={t('upload.fact-created')}>{moment(createdAt)}</Fact>
        {createdBy !== undefined && (
          <Fact name={t('upload.fact-by')}>
            {createdBy === session.value?.user ? t('upload.you', { who: createdBy }) : createdBy}
          </Fact>
        )}
        <Fact name={t('upload.fact-source')}>{t(`upload.source-${upload.sourceType}`)}</Fact>
        {startedAt !== undefined && <Fact name={t('upload.fact-started')}>{moment(startedAt)}</Fact>}
        {completedAt !== undefined && <Fact name={t('upload.fact-ended')}>{moment(completedAt)}</Fact>}
        {retryGeneration > 0 && (
          <Fact name={t('upload.fact-retries')}>{t('upload.times', { count: retryGeneration })}</Fact>
        )}
        <Fact name={t('upload.fact-name')}>
          <code>{upload.name}</code>
        </Fact>
      </dl>
      {upload.columns !== undefined && upload.columns.length > 0 && (
        <MatchedColumns columns={upload.columns} omitted={upload.columnsOmitted ?? 0} schema={schema} />
      )}
    </section>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

interface MatchedColumnsProps {
  columns: MatchedColumn[];
  /** The further columns of the file. */
  omitted: number;
  schema: Schema | null;
}

function MatchedColumns({ columns, omitted, schema }: MatchedColumnsProps) {
  const titleOf = (name: string) => schema?.fields.find((field) => field.name === name)?.title ?? name;
  return (
    <details class="app-details">
      <summary>{t('upload.columns')}</summary>
      <Table
        caption={t('upload.columns-lead')}
        narrow="scroll"
        columns={[
          { heading: t('upload.column-name'), isRowHeader: true, cell: ({ name }) => name },
          {
            heading: t('upload.column-field'),
            cell: ({ field }) =>
              field === undefined ? <em class="app-small">{t('upload.column-ignored')}</em> : titleOf(field),
          },
        ]}
        rows={columns}
        keyOf={(_column, index) => index}
      />
      {omitted > 0 && <p class="app-small">{t('upload.columns-omitted', { count: omitted })}</p>}
    </details>
  );
}
