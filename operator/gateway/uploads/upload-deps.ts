/** What the endpoints of uploads need. */
import type { FastifyRequest } from 'fastify';
import type { Authorizer } from '#operator/gateway/access/authorize.ts';
import { confirmMade, markRegistered, pinFile, unmark } from '#operator/gateway/files/pin-file.ts';
import type { GatewayDeps } from '#operator/gateway/model/types.ts';

/** Files that were put into the storage. */
export interface Files {
  pinFile: typeof pinFile;
  markRegistered: typeof markRegistered;
  confirmMade: typeof confirmMade;
  unmark: typeof unmark;
}

export const FILES: Files = { pinFile, markRegistered, confirmMade, unmark };

export interface UploadDeps extends GatewayDeps {
  authorizer: Authorizer;
  /** {@link FILES} when absent. */
  files?: Files;
}

export type UploadRequest = FastifyRequest<{ Params: { namespace: string; name: string } }>;
