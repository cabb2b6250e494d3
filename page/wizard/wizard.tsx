/** The way of a file from a person's disk to an upload: pick, columns, check, send. */

export interface WizardProps {
  namespace: string;
  /** Is called when the file was sent and the upload was made. @param upload its name */
  onRegistered: (upload: string) => void;
}

export function Wizard({ namespace }: WizardProps) {
  return <h1 tabIndex={-1}>{namespace}</h1>;
}
