/** A schema that cannot be used, with the place in it; the operator turns it into reason SchemaInvalid. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
  /** As in `spec.target.columns[3].json[0].value`. */
  readonly path: string;

  constructor(path: string, message: string, cause?: unknown) {
    super(`${path}: ${message}`, { cause });
    this.path = path;
  }
}
