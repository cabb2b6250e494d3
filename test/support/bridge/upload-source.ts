/** UploadSources with the defaults that the API server adds. */
import type { UploadSource } from '#kube/custom-resources.ts';

export const NAMESPACE = 'ns';

type SourceSpec = UploadSource['spec'];

/** The source lists its prefix every second, unless the spec names another kind. */
export function testSource(name: string, spec: Partial<SourceSpec> & Pick<SourceSpec, 's3'>): UploadSource {
  const kind = spec.s3Poll || spec.s3Event || spec.sftp ? {} : { s3Poll: { intervalSeconds: 1 } };
  return {
    apiVersion: 'batchupload.dev/v1alpha1',
    kind: 'UploadSource',
    metadata: { name, namespace: NAMESPACE, uid: `uid-of-${name}` },
    spec: {
      suspend: false,
      concurrencyPolicy: 'Allow',
      skipFailed: false,
      filter: { minBytes: 1 },
      schemas: [{ schemaRef: { name: 'items' } }],
      template: { spec: { mode: 'Commit', reload: false, chunkRecords: 1000, parallelism: 4 } },
      afterSuccess: { action: 'Keep' },
      ...kind,
      ...spec,
    },
  };
}
