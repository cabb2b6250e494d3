import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

export interface CheckboxProps {
  label: ComponentChildren;
  hint?: ComponentChildren;
  isChecked: boolean;
  onChange(isChecked: boolean): void;
}

export function Checkbox({ label, hint, isChecked, onChange }: CheckboxProps) {
  const id = useId();
  return (
    <div class="usa-checkbox">
      <input
        class="usa-checkbox__input"
        id={id}
        type="checkbox"
        checked={isChecked}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        onChange={({ currentTarget }) => onChange(currentTarget.checked)}
      />
      <label class="usa-checkbox__label" for={id}>
        {label}
        {hint !== undefined && (
          <span class="usa-checkbox__label-description" id={`${id}-hint`}>
            {hint}
          </span>
        )}
      </label>
    </div>
  );
}
