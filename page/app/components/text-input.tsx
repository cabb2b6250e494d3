import { useId } from 'preact/hooks';
import { describedBy, FieldFrame, type FieldProps } from './field.tsx';

export interface TextInputProps extends FieldProps {
  id?: string;
  type?: 'text' | 'search' | 'date';
  value: string;
  onInput(value: string): void;
}

export function TextInput({ id: given, type = 'text', value, onInput, ...field }: TextInputProps) {
  const made = useId();
  const id = given ?? made;
  return (
    <FieldFrame id={id} {...field}>
      <input
        class={`usa-input${field.error === undefined ? '' : ' usa-input--error'}`}
        id={id}
        {...({ type } as { type: 'text' })}
        value={value}
        autoComplete="off"
        onInput={({ currentTarget }) => onInput(currentTarget.value)}
        {...describedBy(id, field)}
      />
    </FieldFrame>
  );
}
