/** One upload: how it stands, what to do, its failed records, what it is. */
import { session } from '#page/api/api.ts';
import type { SessionNamespace, Upload } from '#page/api/types.ts';
import { Alert } from '#page/app/components/alert.tsx';
import { ButtonLink } from '#page/app/components/button.tsx';
import { Loading } from '#page/app/components/loading.tsx';
import { PageHeading } from '#page/app/components/page-heading.tsx';
import { ProblemAlert } from '#page/app/components/problem-alert.tsx';
import { Link } from '#page/app/link.tsx';
import { routes } from '#page/app/routes.ts';
import { t } from '#page/texts/language.ts';
import { explainUpload } from './explain-upload.ts';
import { Faults } from './faults.tsx';
import { StateTag } from './state-tag.tsx';
import { UploadActions } from './upload-actions.tsx';
import { UploadCounts } from './upload-counts.tsx';
import { UploadFacts } from './upload-facts.tsx';
import { useSchema } from './use-schema.ts';
import { useUpload } from './use-upload.ts';

export interface UploadViewProps {
  namespace: SessionNamespace;
  name: string;
}

export function UploadView({ namespace, name }: UploadViewProps) {
  const { upload, problem, isLost, isGone, adopt, reload } = useUpload(namespace.name, name);
  const back = <Link href={routes.uploads(namespace.name)}>← {t('upload.back')}</Link>;
  if (isGone) {
    return (
      <div class="app-stack">
        {back}
        <PageHeading title={t('upload.gone')} />
        <p>{t('upload.gone-what')}</p>
        <div class="app-actions">
          <ButtonLink href={routes.uploads(namespace.name)}>{t('upload.back')}</ButtonLink>
        </div>
      </div>
    );
  }
  return (
    <div class="app-stack">
      {back}
      {upload === null && problem === null && <Loading />}
      {upload === null && problem !== null && <PageHeading title={name} />}
      {problem !== null && (
        <ProblemAlert
          heading={t(upload === null ? 'upload.not-loaded' : 'upload.refused')}
          error={problem}
          onRetry={reload}
        />
      )}
      {isLost && (
        <Alert tone="warning" live="polite" isSlim>
          {t('upload.lost')}
        </Alert>
      )}
      {upload !== null && <UploadParts namespace={namespace} upload={upload} onChanged={adopt} />}
    </div>
  );
}

interface PartsProps {
  namespace: SessionNamespace;
  upload: Upload;
  onChanged(upload: Upload): void;
}

function UploadParts({ namespace, upload, onChanged }: PartsProps) {
  const schema = useSchema(namespace.name, upload.schema);
  const mayReadErrors = namespace.mayReadErrors || upload.createdBy === session.value?.user;
  const hasKey = schema === null ? null : schema.primaryKey.length > 0;
  const words = explainUpload(upload, hasKey, mayReadErrors);
  return (
    <>
      <div class="app-top">
        <PageHeading title={upload.file.name} />
        <StateTag upload={upload} />
      </div>
      <section class="app-card" aria-labelledby="now">
        <h2 id="now">{t('upload.now')}</h2>
        <p class="app-now">{t(words.now, { count: words.count })}</p>
        <UploadCounts upload={upload} />
        <h3>{t('upload.next')}</h3>
        <p>{t(words.next)}</p>
        {words.message !== null && <Message {...words.message} />}
        <UploadActions namespace={namespace} upload={upload} words={words} onChanged={onChanged} />
      </section>
      {(upload.records?.failed ?? 0) > 0 && (
        <Faults upload={upload} mayRead={mayReadErrors} mayUpload={namespace.mayUpload} />
      )}
      <UploadFacts upload={upload} schema={schema} />
    </>
  );
}

/** The operator's words are English, whatever the page's language is. */
function Message({ text, isForPerson }: { text: string; isForPerson: boolean }) {
  if (text === '') return null;
  if (isForPerson) {
    return (
      <Alert tone="error" heading={t('upload.message-person')} level={3}>
        <p lang="en">{text}</p>
      </Alert>
    );
  }
  return (
    <details class="app-details">
      <summary>{t('upload.message-administrator')}</summary>
      <p lang="en">{text}</p>
    </details>
  );
}
