import { ICON_PATHS, type IconName } from './icon-paths.ts';

/** A picture in the colour of the text. Text beside it always says the same. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="app-icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={ICON_PATHS[name]} />
    </svg>
  );
}
