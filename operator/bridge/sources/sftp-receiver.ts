/** Receives files from the SFTP server of a source. This file translates the spec and the recorder for sftp/. */
import { Fault } from '#common/faults.ts';
import type { UploadSource } from '#kube/custom-resources.ts';
import { quietPeriodMs } from '#operator/bridge/admission/quiet-period.ts';
import type { Receiver, ReceiverDeps } from '#operator/bridge/model/types.ts';
import type { AfterFetch } from '#operator/bridge/sftp/after-fetch.ts';
import { createPartBuffers } from '#operator/bridge/sftp/part-buffers.ts';
import { runSftpSource, type SftpStatus } from '#operator/bridge/sftp/run-sftp-source.ts';
import { secretMissing } from '#operator/tenancy/secret-missing.ts';
import { createClientWithPresentKeys } from '#operator/tenancy/storage-clients.ts';

/** All SFTP sources of the process share one pool of part buffers. */
export function createSftpReceiver(): Receiver {
  const buffers = createPartBuffers();
  return async (source, deps, signal) => {
    const { metadata, spec } = source;
    const { namespace, name } = metadata;
    const { host, port, username, directory, secretRef, intervalSeconds, uploadPrefix } = spec.sftp!;
    const { admit, log, clock } = deps;
    // This call fails early when the storage's Secret is missing or wrong.
    await deps.openStorage(signal);
    await runSftpSource(
      {
        namespace,
        name,
        directory,
        intervalSeconds,
        uploadPrefix,
        admit,
        buffers,
        log,
        clock,
        server: { host, port, username },
        settleSeconds: quietPeriodMs(source) / 1000,
        afterFetch: toAfterFetch(spec.sftp!.afterFetch),
        bucket: spec.s3.bucket,
        s3: createClientWithPresentKeys(() => deps.openStorage(signal)),
        async readSecret(ending) {
          const secret = await deps.readSecret(secretRef.name, ending);
          if (secret !== null) return { ...secret, name: secretRef.name };
          const missing = secretMissing(namespace, secretRef.name, 'sftp');
          throw new Fault({ code: 'CFG_SECRET', category: 'permanent', ...missing });
        },
        refuse: ({ size }, key) => deps.judge({ key, size }),
        knownKeys: (keys) => deps.knownKeys(keys),
        onUnhandled: deps.onUnhandled,
        status: toStatus(deps),
      },
      signal,
    );
  };
}

function toAfterFetch({
  action,
  directory,
  suffix,
}: NonNullable<UploadSource['spec']['sftp']>['afterFetch']): AfterFetch {
  switch (action) {
    case 'Move':
      return { action, directory };
    case 'Rename':
      return { action, suffix };
    case 'Delete':
    case 'Keep':
      return { action };
    default:
      throw new Error(action satisfies never);
  }
}

function toStatus({ recorder, clock }: ReceiverDeps): SftpStatus {
  return {
    listed() {
      recorder.listed();
      recorder.problem('fetch', null);
    },
    failing(key, reason, message) {
      if (key === null) recorder.problem('fetch', { reason, message });
      else recorder.failed(key, { reason, message });
    },
    recovered: () => recorder.problem('fetch', null),
    ignored: (key, reason, message) => recorder.ignored(key, { reason, message }),
    lag: (seconds) => recorder.waitingSince('fetch', seconds > 0 ? clock.now() - seconds * 1000 : null),
  };
}
