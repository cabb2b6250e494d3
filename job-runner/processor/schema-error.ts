/** The schema cannot be used; the operator turns this error into the reason SchemaInvalid. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
  /** The place in the schema, such as `spec.target.columns[3].json[0].value`. */
  readonly path: string;

  constructor(path: string, message: string, cause?: unknown) {
    super(`${path}: ${message}`, { cause });
    this.path = path;
  }
}
