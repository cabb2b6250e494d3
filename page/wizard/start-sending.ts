/** Starts a sending with everything that the browser has for it. */
import { call, session } from '#page/api/api.ts';
import { checksumOf } from '#page/send/checksum.ts';
import { assertReadable } from '#page/send/fingerprint.ts';
import { createGatewayFiles } from '#page/send/gateway-files.ts';
import { putByXhr } from '#page/send/put-by-xhr.ts';
import { type Sending, type SendRequest, startSending } from '#page/send/send-file.ts';
import type { SendState } from '#page/send/send-state.ts';
import { createUppyTransport } from '#page/send/uppy-transport.ts';
import { waitOnline } from '#page/send/wait-online.ts';
import { createUnfinishedStore } from './unfinished-store.ts';

/** Often enough to look smooth, seldom enough to leave the processor to the sending. */
const STATE_MS = 200;

export function startSendingFile(
  namespace: string,
  request: SendRequest,
  onState: (state: SendState) => void,
): Sending {
  const store = createUnfinishedStore(namespace);
  let sending: Sending | null = null;
  const files = createGatewayFiles({
    call,
    namespace,
    wait: waitOnline,
    onSilence: (isSilent) => sending?.setSilent(isSilent),
  });
  sending = startSending(
    {
      files,
      user: session.value?.user ?? '',
      namespace,
      checksumOf,
      assertReadable,
      createTransport: createUppyTransport,
      putOnce: putByXhr,
      wait: waitOnline,
      keep: store.keep,
      forget: store.forget,
      nowMs: () => Date.now(),
      newKey: () => crypto.randomUUID(),
    },
    request,
    throttled(onState),
  );
  return sending;
}

/** A phase is shown at once; progress within a phase from time to time, and always the newest in the end. */
function throttled(onState: (state: SendState) => void): (state: SendState) => void {
  let shown: SendState | null = null;
  let next: SendState | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const show = (state: SendState) => {
    clearTimeout(timer);
    timer = undefined;
    next = null;
    shown = state;
    onState(state);
  };
  return (state) => {
    const isNews = shown === null || shown.phase !== state.phase || shown.isSilent !== state.isSilent;
    if (isNews) return show(state);
    next = state;
    timer ??= setTimeout(() => next !== null && show(next), STATE_MS);
  };
}
