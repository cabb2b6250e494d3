/** What a person can do with an upload: send a corrected file, try again, stop it for a while or for good, delete. */
import { useState } from 'preact/hooks';
import { call } from '#page/api/api.ts';
import { apiPath } from '#page/api/client.ts';
import type { SessionNamespace, Upload } from '#page/api/types.ts';
import { announce } from '#page/app/components/announcer.tsx';
import { Button, ButtonLink } from '#page/app/components/button.tsx';
import { Dialog } from '#page/app/components/dialog.tsx';
import { ProblemAlert } from '#page/app/components/problem-alert.tsx';
import { navigate } from '#page/app/router.ts';
import { routes } from '#page/app/routes.ts';
import { t } from '#page/texts/language.ts';
import { changeAsSeen } from './change-as-seen.ts';
import type { UploadExplanation } from './explain-upload.ts';
import { isRunning } from './upload-state.ts';

export interface UploadActionsProps {
  namespace: SessionNamespace;
  upload: Upload;
  words: UploadExplanation;
  onChanged(upload: Upload): void;
}

export function UploadActions({ namespace, upload, words, onChanged }: UploadActionsProps) {
  const [asked, setAsked] = useState<'retry' | 'suspend' | 'cancel' | 'delete' | null>(null);
  const close = () => setAsked(null);
  const maySteer = isRunning(upload) && upload.deletedAt === undefined;
  return (
    <div class="app-actions">
      {words.mayRetry && <Button onClick={() => setAsked('retry')}>{t('upload.retry')}</Button>}
      {words.maySendAgain && namespace.mayUpload && (
        <ButtonLink href={routes.new(namespace.name, upload.schema)} variant={words.mayRetry ? 'outline' : 'primary'}>
          {t('upload.send-again')}
        </ButtonLink>
      )}
      {maySteer && upload.phase === 'Suspended' && <ResumeButton upload={upload} onChanged={onChanged} />}
      {maySteer && upload.phase !== 'Suspended' && (
        <Button variant="outline" onClick={() => setAsked('suspend')}>
          {t('upload.suspend')}
        </Button>
      )}
      {maySteer && (
        <Button variant="plain" onClick={() => setAsked('cancel')}>
          {t('upload.end')}
        </Button>
      )}
      {upload.deletedAt === undefined && (
        <Button variant="plain" onClick={() => setAsked('delete')}>
          {t('upload.delete')}
        </Button>
      )}
      {asked === 'retry' && <RetryDialog upload={upload} onChanged={onChanged} onClose={close} />}
      {(asked === 'suspend' || asked === 'cancel') && (
        <StopDialog verb={asked} upload={upload} onChanged={onChanged} onClose={close} />
      )}
      {asked === 'delete' && <DeleteDialog upload={upload} onClose={close} />}
    </div>
  );
}

interface DialogProps {
  upload: Upload;
  onClose(): void;
}

function RetryDialog({ upload, onChanged, onClose }: DialogProps & { onChanged(upload: Upload): void }) {
  const { isBusy, problem, run } = useChange(async () => {
    const path = apiPath(upload.namespace, 'uploads', upload.name, 'retry');
    onChanged(await changeAsSeen(upload, (headers) => call<Upload>('POST', path, undefined, { headers })));
    announce(t('upload.retry-done'));
    onClose();
  });
  return (
    <Dialog
      heading={t('upload.retry-heading')}
      onClose={onClose}
      actions={
        <>
          <Button isBusy={isBusy} onClick={run}>
            {t('upload.retry')}
          </Button>
          <Button variant="plain" onClick={onClose}>
            {t('upload.cancel')}
          </Button>
        </>
      }
    >
      <p>{t('upload.retry-what')}</p>
      {problem !== null && <ProblemAlert heading={t('upload.retry-refused')} error={problem} />}
    </Dialog>
  );
}

const STOP_TEXTS = {
  suspend: {
    action: 'upload.suspend',
    heading: 'upload.suspend-heading',
    what: 'upload.suspend-what',
    done: 'upload.suspend-done',
  },
  cancel: { action: 'upload.end', heading: 'upload.end-heading', what: 'upload.end-what', done: 'upload.end-done' },
} as const;

function StopDialog({
  verb,
  upload,
  onChanged,
  onClose,
}: DialogProps & { verb: keyof typeof STOP_TEXTS; onChanged(upload: Upload): void }) {
  const texts = STOP_TEXTS[verb];
  const { isBusy, problem, run } = useChange(async () => {
    onChanged(await steer(upload, verb));
    announce(t(texts.done));
    onClose();
  });
  return (
    <Dialog
      heading={t(texts.heading)}
      onClose={onClose}
      actions={
        <>
          <Button variant={verb === 'cancel' ? 'danger' : 'primary'} isBusy={isBusy} onClick={run}>
            {t(texts.action)}
          </Button>
          <Button variant="plain" onClick={onClose}>
            {t('upload.cancel')}
          </Button>
        </>
      }
    >
      <p>
        <strong>{upload.file.name}</strong>
      </p>
      <p>{t(texts.what)}</p>
      {problem !== null && <ProblemAlert heading={t('upload.not-changed')} error={problem} />}
    </Dialog>
  );
}

function ResumeButton({ upload, onChanged }: { upload: Upload; onChanged(upload: Upload): void }) {
  const { isBusy, problem, run } = useChange(async () => {
    onChanged(await steer(upload, 'resume'));
    announce(t('upload.resume-done'));
  });
  return (
    <>
      <Button isBusy={isBusy} onClick={run}>
        {t('upload.resume')}
      </Button>
      {problem !== null && <ProblemAlert heading={t('upload.not-changed')} error={problem} />}
    </>
  );
}

function steer(upload: Upload, verb: 'suspend' | 'resume' | 'cancel'): Promise<Upload> {
  const path = apiPath(upload.namespace, 'uploads', upload.name, verb);
  return changeAsSeen(upload, (headers) => call<Upload>('POST', path, undefined, { headers }));
}

function DeleteDialog({ upload, onClose }: DialogProps) {
  const { isBusy, problem, run } = useChange(async () => {
    const path = apiPath(upload.namespace, 'uploads', upload.name);
    await changeAsSeen(upload, (headers) => call('DELETE', path, undefined, { headers }));
    onClose();
    announce(t('upload.delete-done'));
    navigate(routes.uploads(upload.namespace));
  });
  return (
    <Dialog
      heading={t('upload.delete-heading')}
      onClose={onClose}
      actions={
        <>
          <Button variant="danger" isBusy={isBusy} onClick={run}>
            {t('upload.delete')}
          </Button>
          <Button variant="plain" onClick={onClose}>
            {t('upload.cancel')}
          </Button>
        </>
      }
    >
      <p>
        <strong>{upload.file.name}</strong>
      </p>
      <p>{t('upload.delete-what')}</p>
      {isRunning(upload) && <p>{t('upload.delete-running')}</p>}
      {problem !== null && <ProblemAlert heading={t('upload.delete-refused')} error={problem} />}
    </Dialog>
  );
}

/** Runs a change that a person has asked for, and keeps why it was refused. */
function useChange(change: () => Promise<void>): { isBusy: boolean; problem: unknown; run: () => void } {
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>(null);
  const run = async () => {
    setBusy(true);
    setProblem(null);
    try {
      await change();
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };
  return { isBusy, problem, run: () => void run() };
}
