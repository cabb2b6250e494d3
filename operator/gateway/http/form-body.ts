/** Bodies of HTML forms, as URLSearchParams. */
import type { GatewayApp } from '#operator/gateway/model/types.ts';

/**
 * Must be called on a scope of its own: any page of another site can send such a body without asking, so that no endpoint
 * of the API may take one.
 */
export function takeForms(scope: GatewayApp): void {
  scope.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, new URLSearchParams(String(body))),
  );
}

/** The field of a form; null when it is missing, comes twice, or the body is no form. */
export function formField(body: unknown, name: string): string | null {
  if (!(body instanceof URLSearchParams)) return null;
  const values = body.getAll(name);
  return values.length === 1 ? values[0]! : null;
}
