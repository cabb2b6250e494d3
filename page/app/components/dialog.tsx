import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';

export interface DialogProps {
  heading: ComponentChildren;
  children: ComponentChildren;
  /** The buttons, the most likely one first. */
  actions: ComponentChildren;
  /** The person pressed Escape. */
  onClose(): void;
}

/** A dialog over the page. The browser keeps the focus inside, and gives the focus back when the dialog is closed. */
export function Dialog({ heading, children, actions, onClose }: DialogProps) {
  const id = useId();
  const ref = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const dialog = ref.current!;
    const before = document.activeElement;
    if (!dialog.open) dialog.showModal();
    return () => {
      dialog.close();
      // A dialog that leaves the document before it is closed gives no focus back in every browser.
      if (before instanceof HTMLElement && before.isConnected) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={ref}
      class="app-dialog"
      aria-labelledby={`${id}-heading`}
      aria-describedby={`${id}-text`}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      <h2 class="app-dialog__heading" id={`${id}-heading`}>
        {heading}
      </h2>
      <div id={`${id}-text`}>{children}</div>
      <div class="app-actions">{actions}</div>
    </dialog>
  );
}
