/** Explains an error to the owner of a source: a reason, and what to do. */
import type { Explanation } from '#api/explanation.ts';
import { Fault, toFault } from '#common/faults.ts';
import { isForbidden, isNotFound, isQuotaExceeded, KubeError } from '#kube/errors.ts';

export function explainError(error: unknown): Explanation {
  if (error instanceof KubeError) return explainKubeError(error);
  const { reason, message } = error instanceof Fault ? error : toFault(error);
  return { reason, message };
}

function explainKubeError(error: KubeError): Explanation {
  if (isQuotaExceeded(error)) {
    return {
      reason: 'QuotaExceeded',
      message: `A quota of the namespace allows no more BatchUploads. Delete some, or raise the quota: ${error.message}`,
    };
  }
  if (isForbidden(error)) {
    return {
      reason: 'Forbidden',
      message: `The API server does not allow this to the bridge. Check the chart's roles: ${error.message}`,
    };
  }
  if (isNotFound(error)) {
    return {
      reason: 'NamespaceNotFound',
      message: `The namespace or the resource kind does not exist: ${error.message}. Check that the chart's CRDs are installed.`,
    };
  }
  if (error.status === 400 || error.status === 422) {
    return {
      reason: 'UploadRefused',
      message: `The API server refused the BatchUpload. Correct spec.template: ${error.message}`,
    };
  }
  return { reason: 'ApiServerUnavailable', message: `The API server failed, the bridge tries again: ${error.message}` };
}
