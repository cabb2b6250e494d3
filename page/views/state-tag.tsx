import type { Upload } from '#page/api/types.ts';
import { Icon } from '#page/app/components/icon.tsx';
import { t } from '#page/texts/language.ts';
import { STATES, stateOf } from './upload-state.ts';

/** How an upload stands: a word, with a picture in a colour. */
export function StateTag({ upload }: { upload: Upload }) {
  const state = stateOf(upload);
  const { tone, icon } = STATES[state];
  return (
    <span class={tone === null ? 'app-tag' : `app-tag app-tag--${tone}`}>
      <Icon name={icon} />
      {t(`state.${state}`)}
    </span>
  );
}
