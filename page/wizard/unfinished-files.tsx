/** What the person has begun to send and not finished, so that the same file is picked again. */
import { useState } from 'preact/hooks';
import { call } from '#page/api/api.ts';
import { apiPath } from '#page/api/client.ts';
import { Alert } from '#page/app/components/alert.tsx';
import { announce } from '#page/app/components/announcer.tsx';
import { Button } from '#page/app/components/button.tsx';
import type { Unfinished } from '#page/send/unfinished.ts';
import { formatBytes, formatMoment } from '#page/texts/format.ts';
import { language, t } from '#page/texts/language.ts';
import { createUnfinishedStore } from './unfinished-store.ts';

export function UnfinishedFiles({ namespace }: { namespace: string }) {
  const store = createUnfinishedStore(namespace);
  const [list, setList] = useState(store.list);
  if (list.length === 0) return null;
  const remove = ({ id, mark: { name } }: Unfinished) => {
    store.forget(id);
    setList(store.list());
    announce(t('wizard.unfinished-removed', { name }));
    // What is left is removed after a day in any case.
    call('DELETE', apiPath(namespace, 'files', id)).catch(() => undefined);
  };
  return (
    <Alert tone="info" heading={t('wizard.unfinished-heading')}>
      <p>{t('wizard.unfinished-text')}</p>
      <ul class="usa-list">
        {list.map((each) => (
          <li key={each.id}>
            {t('wizard.unfinished-item', {
              name: each.mark.name,
              size: formatBytes(language.value, each.mark.sizeBytes),
              schema: each.schema,
              until: formatMoment(language.value, new Date(each.expiresAt).toISOString()),
            })}{' '}
            <Button
              variant="plain"
              aria-label={t('wizard.unfinished-remove-of', { name: each.mark.name })}
              onClick={() => remove(each)}
            >
              {t('wizard.unfinished-remove')}
            </Button>
          </li>
        ))}
      </ul>
    </Alert>
  );
}
