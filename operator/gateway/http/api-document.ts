/** The parts of the API's description that its makers and readers share. */
import type { OpenAPIV3_1 } from 'openapi-types';
import type { Access } from '#operator/gateway/model/types.ts';

export type ApiDocument = OpenAPIV3_1.Document;
export type ApiOperation = OpenAPIV3_1.OperationObject & { 'x-access'?: Access };

export interface ListedOperation {
  method: string;
  path: string;
  operation: ApiOperation;
}

const METHODS = ['get', 'put', 'post', 'delete', 'patch'] as const;

export function listOperations(document: ApiDocument): ListedOperation[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item?.[method] as ApiOperation | undefined;
      return operation === undefined ? [] : [{ method: method.toUpperCase(), path, operation }];
    }),
  );
}

/** The resource of an access as RBAC writes it. */
export function objectOf({ resource, subresource }: Access): string {
  return subresource === undefined ? resource : `${resource}/${subresource}`;
}

export function explainAccess(access: Access | undefined): string {
  if (access === undefined) return 'Open to everybody.';
  const needed = `Needs the right to \`${access.verb}\` \`${objectOf(access)}\` in the namespace.`;
  if (!access.own) return needed;
  return `${needed} Who may only \`create\` \`batchuploads\` may do this with uploads of their own.`;
}
