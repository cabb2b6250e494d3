import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

export interface ProgressBarProps {
  /** What makes progress. */
  label: ComponentChildren;
  /** 0 to 1; null: nobody knows how much there is. */
  value: number | null;
  /** The progress in words, beside the label. */
  text?: string;
}

/** A screen reader reads the value when it is asked to; who wants changes read out adds a live region. */
export function ProgressBar({ label, value, text }: ProgressBarProps) {
  const id = useId();
  return (
    <div class="app-progress">
      <div class="app-progress__line">
        <label for={id}>{label}</label>
        {text !== undefined && <span class="app-progress__text">{text}</span>}
      </div>
      <progress
        id={id}
        class="app-progress__bar"
        max={1}
        {...(value === null ? {} : { value })}
        aria-valuetext={text}
      />
    </div>
  );
}
