import { useEffect, useState } from 'preact/hooks';
import { session } from '#page/api/api.ts';
import type { Upload } from '#page/api/types.ts';
import { Table, type TableColumn } from '#page/app/components/table.tsx';
import { Link } from '#page/app/link.tsx';
import { routes } from '#page/app/routes.ts';
import { formatAge, formatMoment, formatNumber, formatPercent } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';
import { StateTag } from './state-tag.tsx';
import { isRunning, progressOf } from './upload-state.ts';

const MINUTE_MS = 60_000;

export function UploadTable({ uploads }: { uploads: Upload[] }) {
  const now = useNow();
  const columns: TableColumn<Upload>[] = [
    { heading: t('uploads.column-file'), isRowHeader: true, cell: (upload) => <FileCell upload={upload} /> },
    { heading: t('uploads.column-state'), cell: (upload) => <StateCell upload={upload} /> },
    {
      heading: t('uploads.column-records'),
      isNumeric: true,
      cell: ({ records }) => (records?.total === undefined ? '–' : formatNumber(language.value, records.total)),
    },
    {
      heading: t('uploads.column-failed'),
      isNumeric: true,
      cell: ({ records }) => (records?.failed === undefined ? '–' : formatNumber(language.value, records.failed)),
    },
    { heading: t('uploads.column-sent'), cell: (upload) => <SentCell upload={upload} now={now} /> },
  ];
  return (
    <Table caption={t('uploads.heading')} isCaptionHidden columns={columns} rows={uploads} keyOf={({ uid }) => uid} />
  );
}

function FileCell({ upload: { namespace, name, file, schema } }: { upload: Upload }) {
  return (
    <div>
      <Link href={routes.upload(namespace, name)} class="usa-link app-strong">
        {file.name}
      </Link>
      <div class="app-small">{schema}</div>
    </div>
  );
}

function StateCell({ upload }: { upload: Upload }) {
  const progress = isRunning(upload) ? progressOf(upload) : null;
  return (
    <div>
      <StateTag upload={upload} />{' '}
      {progress !== null && <span class="app-small">{formatPercent(language.value, progress)}</span>}
    </div>
  );
}

/** The time for ages, which are told in minutes. */
function useNow(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), MINUTE_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

function SentCell({ upload: { createdAt, createdBy }, now }: { upload: Upload; now: number }) {
  const isOwn = createdBy !== undefined && createdBy === session.value?.user;
  return (
    <div>
      <time dateTime={createdAt} title={formatMoment(language.value, createdAt)}>
        {formatAge(language.value, createdAt, now)}
      </time>
      {createdBy !== undefined && (
        <div class="app-small">{isOwn ? t('uploads.by-you') : t('uploads.by', { who: createdBy })}</div>
      )}
    </div>
  );
}
