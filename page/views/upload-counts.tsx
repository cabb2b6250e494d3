/** The progress of an upload and its counts, which a screen reader is told from time to time. */
import { useEffect, useRef } from 'preact/hooks';
import type { Upload } from '#page/api/types.ts';
import { announce } from '#page/app/components/announcer.tsx';
import { ProgressBar } from '#page/app/components/progress-bar.tsx';
import { formatDuration, formatNumber, formatPercent } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';
import { isRunning, progressOf, secondsLeft, stateOf } from './upload-state.ts';

/** Often enough to know that it goes on, and seldom enough to go on with something else. */
const ANNOUNCE_MS = 15_000;

export function UploadCounts({ upload }: { upload: Upload }) {
  useAnnouncements(upload);
  return (
    <>
      <UploadProgress upload={upload} />
      <Counts upload={upload} />
    </>
  );
}

function UploadProgress({ upload }: { upload: Upload }) {
  const { phase, recordsPerSecond } = upload;
  if (phase === 'Planning') return <ProgressBar label={t('upload.progress-reading')} value={null} />;
  const progress = progressOf(upload);
  if (phase !== 'Processing' || progress === null) return null;
  const left = secondsLeft(upload, Date.now());
  const pace = [
    recordsPerSecond === undefined ? null : t('upload.rate', { count: recordsPerSecond }),
    left === null ? null : t('upload.left', { time: formatDuration(language.value, left) }),
  ].filter((text) => text !== null);
  return (
    <div>
      <ProgressBar label={t('upload.progress')} value={progress} text={formatPercent(language.value, progress)} />
      {pace.length > 0 && <p class="app-small">{pace.join(' · ')}</p>}
    </div>
  );
}

function Counts({ upload: { records, mode } }: { upload: Upload }) {
  if (records?.total === undefined) return null;
  const { total, succeeded = 0, updated = 0, failed = 0, duplicate = 0 } = records;
  const counts = [
    { label: t('upload.total'), value: total, class: '' },
    {
      label: t(mode === 'Validate' ? 'upload.succeeded-validate' : 'upload.succeeded'),
      value: succeeded,
      class: 'is-success',
    },
    ...(updated > 0 ? [{ label: t('upload.updated'), value: updated, class: 'is-success' }] : []),
    { label: t('upload.failed'), value: failed, class: failed > 0 ? 'is-error' : '' },
    { label: t('upload.duplicate'), value: duplicate, class: duplicate > 0 ? 'is-warning' : '' },
  ];
  return (
    <dl class="app-counts">
      {counts.map(({ label, value, class: className }) => (
        <div key={label} class={className}>
          <dt>{label}</dt>
          <dd>{formatNumber(language.value, value)}</dd>
        </div>
      ))}
    </dl>
  );
}

/** A new state is told at once, progress from time to time. The state at the beginning stands in the page. */
function useAnnouncements(upload: Upload): void {
  const state = stateOf(upload);
  const newest = useRef(upload);
  newest.current = upload;
  const isFirst = useRef(true);
  useEffect(() => {
    if (!isFirst.current) announce(describe(newest.current));
    isFirst.current = false;
    if (!isRunning(newest.current)) return;
    const timer = setInterval(() => announce(describe(newest.current)), ANNOUNCE_MS);
    return () => clearInterval(timer);
  }, [state]);
}

function describe(upload: Upload): string {
  const state = t(`state.${stateOf(upload)}`);
  const { total, processed = 0 } = upload.records ?? {};
  return total === undefined
    ? t('upload.announce-state', { state })
    : t('upload.announce', { state, done: processed, total });
}
