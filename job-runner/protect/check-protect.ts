import type { ClientBase } from 'pg';
import type { UploadExplanation } from '#api/explanation.ts';
import type { ProtectLimits } from '#common/job-contract.ts';
import { measureServer } from './measure-server.ts';
import { explainHidden, WAL_UNKNOWN } from './protect-policy.ts';

/**
 * Checks whether a role sees what the limits of spec.target.protect are for.
 * @returns null when it does, else what somebody has to do first
 */
export async function checkProtect(
  client: ClientBase,
  limits: ProtectLimits | null,
): Promise<UploadExplanation | null> {
  if (limits === null) return null;
  const withReplicas = limits.maxReplicaLagSeconds !== null;
  const { writtenBytes, replicas, role } = await measureServer(client, { withReplicas });
  if (writtenBytes === null) return WAL_UNKNOWN;
  return withReplicas && replicas === null ? explainHidden(role) : null;
}
