import { useId } from 'preact/hooks';
import { describedBy, FieldFrame, type FieldProps } from './field.tsx';

export interface SelectProps<Value extends string> extends FieldProps {
  id?: string;
  value: Value;
  options: readonly { value: Value; label: string }[];
  onChange(value: Value): void;
}

export function Select<Value extends string>({ id: given, value, options, onChange, ...field }: SelectProps<Value>) {
  const made = useId();
  const id = given ?? made;
  return (
    <FieldFrame id={id} {...field}>
      <select
        class={`usa-select${field.error === undefined ? '' : ' usa-input--error'}`}
        id={id}
        value={value}
        onChange={({ currentTarget }) => onChange(currentTarget.value as Value)}
        {...describedBy(id, field)}
      >
        {options.map((option) => (
          <option key={option.value} value={option.value} selected={option.value === value}>
            {option.label}
          </option>
        ))}
      </select>
    </FieldFrame>
  );
}
