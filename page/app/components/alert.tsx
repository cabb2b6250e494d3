import type { ComponentChildren } from 'preact';
import type { Tone } from './tones.ts';

export interface AlertProps {
  tone: Tone;
  heading?: ComponentChildren;
  /** The level of the heading in the page's outline. */
  level?: 2 | 3 | 4;
  /** Is the text read out when it appears? `assertive` interrupts what is being read, and is for errors alone. */
  live?: 'polite' | 'assertive';
  isSlim?: boolean;
  children?: ComponentChildren;
}

const ROLES = { polite: 'status', assertive: 'alert' } as const;

export function Alert({ tone, heading, level = 2, live, isSlim = false, children }: AlertProps) {
  const Heading = `h${level}` as const;
  return (
    <div
      class={`usa-alert usa-alert--${tone}${isSlim ? ' usa-alert--slim' : ''}`}
      role={live === undefined ? undefined : ROLES[live]}
    >
      <div class="usa-alert__body">
        {heading !== undefined && <Heading class="usa-alert__heading">{heading}</Heading>}
        {children !== undefined && <div class="usa-alert__text">{children}</div>}
      </div>
    </div>
  );
}
