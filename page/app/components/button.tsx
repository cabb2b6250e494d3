import type { ButtonHTMLAttributes, ComponentChildren } from 'preact';
import { Link } from '#page/app/link.tsx';

/** `primary` is the next step, of which a view has one; `plain` looks like a link. */
export type ButtonVariant = 'primary' | 'outline' | 'danger' | 'plain';

const CLASSES: Record<ButtonVariant, string> = {
  primary: 'usa-button',
  outline: 'usa-button usa-button--outline',
  danger: 'usa-button usa-button--secondary',
  plain: 'usa-button usa-button--unstyled',
};

export interface ButtonProps extends Omit<ButtonHTMLAttributes<HTMLButtonElement>, 'class' | 'className' | 'disabled'> {
  variant?: ButtonVariant;
  /** A button that waits for an answer keeps the focus, and does nothing when it is pressed again. */
  isBusy?: boolean;
  /** A button that cannot be used now is still found by the keyboard; the text beside it says why. */
  isDisabled?: boolean;
  children: ComponentChildren;
}

export function Button({ variant = 'primary', isBusy, isDisabled, onClick, children, ...rest }: ButtonProps) {
  const isOff = isBusy === true || isDisabled === true;
  return (
    <button
      type="button"
      {...rest}
      class={isOff ? `${CLASSES[variant]} is-off` : CLASSES[variant]}
      aria-disabled={isOff ? 'true' : undefined}
      aria-busy={isBusy ? 'true' : undefined}
      onClick={(event) => {
        if (isOff) event.preventDefault();
        else onClick?.(event);
      }}
    >
      {children}
    </button>
  );
}

export interface ButtonLinkProps {
  href: string;
  variant?: ButtonVariant;
  children: ComponentChildren;
}

/** A link to another view that looks like a button. */
export function ButtonLink({ href, variant = 'primary', children }: ButtonLinkProps) {
  return (
    <Link href={href} class={CLASSES[variant]}>
      {children}
    </Link>
  );
}
