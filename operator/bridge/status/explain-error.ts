/** What hinders a source, as a reason and what to do. */
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
    return { reason: 'QuotaExceeded', message: `A quota of the namespace allows no more of it: ${error.message}` };
  }
  if (isForbidden(error)) {
    return { reason: 'Forbidden', message: `The API server does not let the bridge do this: ${error.message}` };
  }
  if (isNotFound(error)) {
    return { reason: 'NamespaceNotFound', message: `The namespace, or the kind, is not there: ${error.message}` };
  }
  if (error.status === 400 || error.status === 422) {
    return {
      reason: 'UploadRefused',
      message: `The API server refused the BatchUpload; correct spec.template: ${error.message}`,
    };
  }
  return { reason: 'ApiServerUnavailable', message: `The API server does not answer as it should: ${error.message}` };
}
