import { signal } from '@preact/signals';

const said = signal('');

/** Has a screen reader read the text out when it is done with what it reads. */
export function announce(text: string): void {
  // The same text again is read again.
  said.value = said.value === text ? `${text}\u00a0` : text;
}

/** Stands once in the page: a live region must be there before its text changes. */
export function Announcer() {
  return (
    <div class="usa-sr-only" role="status" aria-live="polite">
      {said.value}
    </div>
  );
}
