import { t } from '#page/texts/language.ts';

export interface StepIndicatorProps {
  steps: readonly string[];
  /** The index of the step that is shown. */
  current: number;
}

/** Says how far a person is; the heading of the step itself is the view's own. */
export function StepIndicator({ steps, current }: StepIndicatorProps) {
  return (
    <div class="usa-step-indicator usa-step-indicator--counters-sm">
      <p class="usa-sr-only">{t('shell.step', { step: current + 1, steps: steps.length })}</p>
      <ol class="usa-step-indicator__segments">
        {steps.map((step, index) => (
          <li
            key={step}
            class={`usa-step-indicator__segment${MODIFIERS[stateOf(index, current)]}`}
            aria-current={index === current ? 'step' : undefined}
          >
            <span class="usa-step-indicator__segment-label">
              {step}
              {index !== current && (
                <span class="usa-sr-only"> {t(index < current ? 'shell.step-done' : 'shell.step-open')}</span>
              )}
            </span>
          </li>
        ))}
      </ol>
    </div>
  );
}

type StepState = 'complete' | 'current' | 'open';

const MODIFIERS: Record<StepState, string> = {
  complete: ' usa-step-indicator__segment--complete',
  current: ' usa-step-indicator__segment--current',
  open: '',
};

function stateOf(index: number, current: number): StepState {
  if (index < current) return 'complete';
  return index === current ? 'current' : 'open';
}
