/** What the endpoints of uploads need. */
import type { FastifyRequest } from 'fastify';
import { DEFAULT_NAMES } from '#api/defaults.ts';
import { releaseFile } from '#ledger/gateway/release-file.ts';
import type { Authorizer } from '#operator/gateway/access/authorize.ts';
import { markRegistered, pinFile } from '#operator/gateway/files/pin-file.ts';
import type { GatewayDeps } from '#operator/gateway/model/types.ts';
import { openLedger } from '#operator/tenancy/open-ledger.ts';

/** Files that were put into the storage. */
export interface Files {
  pinFile: typeof pinFile;
  markRegistered: typeof markRegistered;
  /** Takes {@link markRegistered} back, for an upload that was never made. */
  unmark(deps: GatewayDeps, file: { namespace: string; id: string; uploadName: string }): Promise<void>;
}

export const FILES: Files = {
  pinFile,
  markRegistered,
  async unmark({ databases, clusterId }, { namespace, ...file }) {
    const database = await openLedger(databases, { namespace, name: DEFAULT_NAMES.databaseSecret });
    await database.run((client) => releaseFile(client, { clusterId, namespace, ...file }));
  },
};

export interface UploadDeps extends GatewayDeps {
  authorizer: Authorizer;
  /** {@link FILES} when absent. */
  files?: Files;
}

export type UploadRequest = FastifyRequest<{ Params: { namespace: string; name: string } }>;
