/** The failed records of an upload: how many of each kind, some of them, all as a file, and how to send them again. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { apiPath } from '#page/api/client.ts';
import type { FailedRecord, Upload } from '#page/api/types.ts';
import { Alert } from '#page/app/components/alert.tsx';
import { Button, ButtonLink } from '#page/app/components/button.tsx';
import { Icon } from '#page/app/components/icon.tsx';
import { Loading } from '#page/app/components/loading.tsx';
import { ProblemAlert } from '#page/app/components/problem-alert.tsx';
import { routes } from '#page/app/routes.ts';
import { formatNumber } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';
import { download } from './download.ts';
import { explainCode } from './explain-code.ts';
import { type FaultGroup, groupFaults } from './fault-groups.ts';
import { useFaults } from './use-faults.ts';

export interface FaultsProps {
  upload: Upload;
  /** May the person see the records themselves? */
  mayRead: boolean;
  mayUpload: boolean;
}

export function Faults({ upload, mayRead, mayUpload }: FaultsProps) {
  const failed = upload.records?.failed ?? 0;
  const isChecked = upload.mode === 'Validate';
  return (
    <section class="app-card" aria-labelledby="faults">
      <h2 id="faults">{t('faults.heading')}</h2>
      <p>{t(isChecked ? 'faults.lead-validate' : 'faults.lead', { count: failed })}</p>
      {mayRead ? <ReadableFaults upload={upload} /> : <CountedFaults upload={upload} />}
      {mayRead && !isChecked && upload.phase === 'Complete' && mayUpload && <HowToMend upload={upload} />}
    </section>
  );
}

function ReadableFaults({ upload }: { upload: Upload }) {
  const { faults, problem, reload } = useFaults(upload);
  if (problem !== null) return <ProblemAlert heading={t('faults.not-loaded')} error={problem} onRetry={reload} />;
  if (faults === null) return <Loading />;
  return (
    <>
      <Groups groups={groupFaults(faults.counts, faults.records)} hasSamples />
      <DownloadFailed upload={upload} />
    </>
  );
}

/** The codes stand in the status of the upload, without a value of a record. */
function CountedFaults({ upload: { topErrors = [] } }: { upload: Upload }) {
  const groups = groupFaults({ failed: 0, codes: topErrors }, []);
  return (
    <>
      <Alert tone="info" isSlim>
        {t('faults.may-not')} {t('faults.may-not-what-to-do')}
      </Alert>
      <Groups groups={groups} hasSamples={false} />
    </>
  );
}

function Groups({ groups, hasSamples }: { groups: FaultGroup[]; hasSamples: boolean }) {
  return (
    <ul class="app-list">
      {groups.map((group) => (
        <li key={group.code} class="app-stack app-stack--close">
          <Group group={group} hasSamples={hasSamples} />
        </li>
      ))}
    </ul>
  );
}

function Group({ group, hasSamples }: { group: FaultGroup; hasSamples: boolean }) {
  const { what, mend, isForeign } = explainCode(group, language.value);
  return (
    <>
      <div class="app-top">
        <h3 lang={isForeign ? '' : undefined}>{what}</h3>
        <span class="app-tag app-tag--error app-tag--plain">{t('faults.count', { count: group.count })}</span>
      </div>
      <p>{mend}</p>
      {hasSamples && (
        <details class="app-details">
          <summary>{t('faults.samples')}</summary>
          {group.samples.length === 0 ? <p>{t('faults.no-samples')}</p> : <Samples records={group.samples} />}
        </details>
      )}
      <p class="app-small">{t('faults.code', { code: group.code })}</p>
    </>
  );
}

/** What the gateway says of a fault is English; the record is as it stands in the file. */
function Samples({ records }: { records: FailedRecord[] }) {
  return (
    <ul class="app-list app-samples">
      {records.map(({ row, faults, data }) => (
        <li key={row} class="app-stack app-stack--close">
          <strong>{t('faults.row', { row: formatNumber(language.value, row) })}</strong>
          {faults.map(({ code, field, message }) => (
            <p key={`${code} ${field ?? ''} ${message}`} lang="en">
              {message}
            </p>
          ))}
          {data !== undefined && <pre class="app-record">{data}</pre>}
        </li>
      ))}
    </ul>
  );
}

function DownloadFailed({ upload }: { upload: Upload }) {
  const [problem, setProblem] = useState<unknown>(null);
  const [isBusy, setBusy] = useState(false);
  const get = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await download(apiPath(upload.namespace, 'uploads', upload.name, 'errors.csv'));
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
  };
  return (
    <Explained hint={t('faults.download-hint')}>
      <Button variant="outline" isBusy={isBusy} onClick={() => void get()}>
        <Icon name="download" />
        {t('faults.download')}
      </Button>
      {problem !== null && <ProblemAlert heading={t('faults.download-refused')} error={problem} />}
    </Explained>
  );
}

function Explained({ hint, children }: { hint: string; children: ComponentChildren }) {
  return (
    <div class="app-stack app-stack--close">
      <div class="app-actions">{children}</div>
      <p class="app-small">{hint}</p>
    </div>
  );
}

function HowToMend({ upload: { namespace, schema } }: { upload: Upload }) {
  return (
    <div class="app-stack app-stack--close">
      <h3>{t('faults.how-heading')}</h3>
      <ol class="usa-list">
        <li>{t('faults.how-1')}</li>
        <li>{t('faults.how-2')}</li>
        <li>{t('faults.how-3')}</li>
        <li>{t('faults.how-4')}</li>
      </ol>
      <div class="app-actions">
        <ButtonLink href={routes.new(namespace, schema)} variant="outline">
          <Icon name="upload" />
          {t('upload.send-again')}
        </ButtonLink>
      </div>
    </div>
  );
}
