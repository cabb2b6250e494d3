import type { ComponentChildren } from 'preact';
import { useId, useState } from 'preact/hooks';
import { describedBy, FieldFrame, type FieldProps } from './field.tsx';

export interface FileInputProps extends FieldProps {
  id?: string;
  /** Says in the box what can be done, such as "Drag a file here, or choose one". */
  instructions: ComponentChildren;
  /** A hint for the browser's file chooser, such as `.csv,.zip`; whoever drops a file can drop any. */
  accept?: string;
  /** The name of the file that was picked before. */
  fileName?: string;
  onPick(file: File): void;
}

/** The box is the file input itself, so that keyboard, screen reader and drop work as the browser has them. */
export function FileInput({ id: given, instructions, accept, fileName, onPick, ...field }: FileInputProps) {
  const made = useId();
  const id = given ?? made;
  const [isOver, setOver] = useState(false);
  return (
    <FieldFrame id={id} {...field}>
      <div class={`usa-file-input${isOver ? ' usa-file-input--drag' : ''}`}>
        <div class={`usa-file-input__target${field.error === undefined ? '' : ' has-invalid-file'}`}>
          <div class="usa-file-input__instructions" aria-hidden="true">
            {instructions}
            {fileName !== undefined && <strong class="app-file-name">{fileName}</strong>}
          </div>
          <div class="usa-file-input__box" />
          <input
            class="usa-file-input__input"
            id={id}
            type="file"
            accept={accept}
            onDragEnter={() => setOver(true)}
            onDragLeave={() => setOver(false)}
            onDrop={() => setOver(false)}
            onChange={({ currentTarget }) => {
              const file = currentTarget.files?.[0];
              // The same file can be picked again after it was changed.
              currentTarget.value = '';
              if (file !== undefined) onPick(file);
            }}
            {...describedBy(id, field)}
          />
        </div>
      </div>
    </FieldFrame>
  );
}
