/** The uploads of a namespace: filtered, in pages, and live. */
import { useState } from 'preact/hooks';
import type { SessionNamespace, Upload } from '#page/api/types.ts';
import { Alert } from '#page/app/components/alert.tsx';
import { Button, ButtonLink } from '#page/app/components/button.tsx';
import { Icon } from '#page/app/components/icon.tsx';
import { Loading } from '#page/app/components/loading.tsx';
import { PageHeading } from '#page/app/components/page-heading.tsx';
import { ProblemAlert } from '#page/app/components/problem-alert.tsx';
import { query, replaceQuery } from '#page/app/router.ts';
import { routes } from '#page/app/routes.ts';
import { t } from '#page/texts/language.ts';
import { UploadFilters } from './upload-filters.tsx';
import { type Filters, isFiltered, NO_FILTERS, readFilters, writeFilters } from './upload-list.ts';
import { UploadTable } from './upload-table.tsx';
import { useUploadList } from './use-upload-list.ts';

export function Uploads({ namespace }: { namespace: SessionNamespace }) {
  const [filters, setFilters] = useState<Filters>(() => readFilters(query.peek()));
  const { list, problem, isLost, isBusy, more, reload } = useUploadList(namespace.name, filters);
  const change = (next: Filters) => {
    setFilters(next);
    replaceQuery(writeFilters(next));
  };
  return (
    <div class="app-stack">
      <div class="app-top">
        <PageHeading title={t('uploads.heading')} />
        {namespace.mayUpload && (
          <ButtonLink href={routes.new(namespace.name)}>
            <Icon name="upload" />
            {t('uploads.send')}
          </ButtonLink>
        )}
      </div>
      {!namespace.mayList && <p class="app-lead">{t('uploads.own-only')}</p>}
      <UploadFilters filters={filters} hasMine={namespace.mayList} onChange={change} />
      {isLost && (
        <Alert tone="warning" live="polite" isSlim>
          {t('uploads.lost')}
        </Alert>
      )}
      {problem !== null && <ProblemAlert heading={t('uploads.not-loaded')} error={problem} onRetry={reload} />}
      {list === null && problem === null && <Loading />}
      {list !== null && (
        <FoundUploads
          uploads={list.uploads}
          namespace={namespace}
          isFiltered={isFiltered(filters)}
          onClear={() => change(NO_FILTERS)}
        />
      )}
      {list?.nextCursor != null && (
        <div class="app-actions">
          <Button variant="outline" isBusy={isBusy} onClick={more}>
            {t('uploads.more')}
          </Button>
        </div>
      )}
    </div>
  );
}

interface FoundProps {
  uploads: Upload[];
  namespace: SessionNamespace;
  isFiltered: boolean;
  onClear(): void;
}

function FoundUploads({ uploads, namespace: { name, mayUpload }, isFiltered: filtered, onClear }: FoundProps) {
  if (uploads.length > 0) {
    return (
      <section class="app-card" aria-label={t('uploads.heading')}>
        <UploadTable uploads={uploads} />
        <p class="app-small" role="status">
          {t('uploads.shown', { count: uploads.length })}
        </p>
      </section>
    );
  }
  if (filtered) {
    return (
      <section class="app-card app-empty" role="status">
        <h2>{t('uploads.no-match')}</h2>
        <p>{t('uploads.no-match-what-to-do')}</p>
        <Button variant="outline" onClick={onClear}>
          {t('uploads.clear')}
        </Button>
      </section>
    );
  }
  return (
    <section class="app-card app-empty">
      <Icon name="file" />
      <h2>{t('uploads.empty')}</h2>
      <p>{t(mayUpload ? 'uploads.empty-what-to-do' : 'uploads.empty-may-not')}</p>
      {mayUpload && <ButtonLink href={routes.new(name)}>{t('uploads.send')}</ButtonLink>}
    </section>
  );
}
