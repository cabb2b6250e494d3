/** Runs `operator release-uploads`, with which `helm uninstall` ends. */
import { createLogger } from '#common/log.ts';
import { loadAccess } from '#kube/access.ts';
import { createKubeClient } from '#kube/client.ts';
import { releaseUploads } from './controller/release-uploads.ts';

export async function runRelease(): Promise<number> {
  const client = createKubeClient({ access: loadAccess(), userAgent: 'batch-upload-operator' });
  try {
    await releaseUploads({ client, log: createLogger('info', { component: 'release-uploads' }) });
    return 0;
  } finally {
    await client.close();
  }
}
