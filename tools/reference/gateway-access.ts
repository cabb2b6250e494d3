import type { ListedOperation } from '#operator/gateway/http/api-document.ts';
import { objectOf } from '#operator/gateway/http/api-document.ts';
import { markdownTable, pageHead } from './text.ts';

/** The page of the gateway's endpoints, from its routes. */
export function describeGatewayAccess(operations: readonly ListedOperation[]): string {
  const rows = operations.map(({ method, path, operation }) => {
    const access = operation['x-access'];
    const right = access === undefined ? 'none' : `\`${access.verb}\` \`${objectOf(access)}\``;
    return [`\`${method} ${path}\``, operation.summary ?? '', right, access?.own ? 'yes' : ''];
  });
  const introduction =
    'The gateway asks Kubernetes for the right in the namespace of the path before an endpoint does anything. Where the column "own" says yes, who has no such right but may `create` `batchuploads` may use the endpoint for uploads of their own. [How to give rights](../how-to/gateway.md#give-rights).';
  return [
    pageHead('Endpoints of the gateway', introduction),
    markdownTable(['endpoint', 'what it does', 'right', 'own'], rows),
  ].join('\n');
}
