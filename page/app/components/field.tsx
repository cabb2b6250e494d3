/** What every field of a form has: a label, a hint, an error that says what to do. */
import type { ComponentChildren } from 'preact';

export interface FieldProps {
  label: ComponentChildren;
  hint?: ComponentChildren;
  error?: ComponentChildren;
  /** Shows the label to screen readers only, where everybody sees what the field is for. */
  isLabelHidden?: boolean;
}

export interface FrameProps extends FieldProps {
  id: string;
  children: ComponentChildren;
}

export function FieldFrame({ id, label, hint, error, isLabelHidden, children }: FrameProps) {
  return (
    <div class={`usa-form-group${error === undefined ? '' : ' usa-form-group--error'}`}>
      <label class={isLabelHidden ? 'usa-sr-only' : 'usa-label'} for={id}>
        {label}
      </label>
      {hint !== undefined && (
        <div class="usa-hint" id={`${id}-hint`}>
          {hint}
        </div>
      )}
      {error !== undefined && (
        <div class="usa-error-message" id={`${id}-error`}>
          {error}
        </div>
      )}
      {children}
    </div>
  );
}

/** The attributes by which a screen reader finds hint and error of a field. */
export function describedBy(id: string, { hint, error }: Pick<FieldProps, 'hint' | 'error'>) {
  const ids = [hint === undefined ? '' : `${id}-hint`, error === undefined ? '' : `${id}-error`].filter(Boolean);
  return {
    'aria-describedby': ids.length > 0 ? ids.join(' ') : undefined,
    'aria-invalid': error === undefined ? undefined : ('true' as const),
  };
}
