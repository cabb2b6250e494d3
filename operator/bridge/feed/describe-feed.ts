/** Says what the files of a source wait for, and what to do. Pure. */
import type { Explanation } from '#api/explanation.ts';
import { count } from '#common/text.ts';
import type { FilePosition } from '#ledger/types.ts';
import type { FeedRules } from '#operator/bridge/model/feed-rules.ts';
import type { FeedReport } from '#operator/bridge/model/types.ts';
import type { SourceUpload, UploadState } from './source-uploads.ts';
import type { TurnDecision } from './turn-policy.ts';

/** An upload that has not ended. Its state is null while the API server has not shown it yet. */
export interface ActiveUpload {
  name: string;
  key: string;
  state: UploadState | 'Creating' | 'Ending' | null;
}

export interface FeedView {
  namespace: string;
  rules: Pick<FeedRules, 'serial' | 'maxActive'>;
  active: readonly ActiveUpload[];
  waiting: number;
  decision: TurnDecision;
  /** The failed upload that `decision` names. */
  holder: SourceUpload | undefined;
  /** An older file that is not in the ledger yet, so that no newer one may be loaded; null when there is none. */
  unhandled: FilePosition | 'Unknown' | null;
}

export function describeFeed(view: FeedView): FeedReport {
  const { decision, active, waiting, holder } = view;
  const common = { active: active.length, waiting };
  if (decision.kind === 'Held') {
    const why = { reason: 'FeedHeld', message: describeHolder(view, decision.by, holder) };
    return { ...common, held: { ...why, by: decision.by }, why };
  }
  return { ...common, held: null, why: describeWait(view) };
}

function describeWait(view: FeedView): Explanation {
  const { active, waiting, decision, rules, unhandled } = view;
  if (decision.kind === 'Full') {
    const message = rules.serial ? describeSerial(view) : describeMany(view);
    return { reason: waiting > 0 ? 'UploadsActive' : 'NothingWaits', message };
  }
  if (waiting === 0) {
    const loading = active.length === 0 ? '' : ` ${count(active.length, 'BatchUpload')} of the source have not ended.`;
    return { reason: 'NothingWaits', message: `No file waits for its turn.${loading}` };
  }
  if (unhandled !== null) return { reason: 'OlderFileNotReady', message: describeUnhandled(waiting, unhandled) };
  return { reason: 'NextIsCreated', message: `${files(waiting)} for the next BatchUpload, which is being created.` };
}

function describeSerial(view: FeedView): string {
  const first = view.active[0]!;
  const others = view.active.length > 1 ? ` and ${count(view.active.length - 1, 'other')}` : '';
  const behind = view.waiting === 0 ? 'No file waits behind it.' : `${files(view.waiting)} behind it.`;
  return `The BatchUpload ${first.name}${others} loads ${first.key}, and the next file has its turn when it is Complete (concurrencyPolicy Serial). ${behind}${advise(view, first)}`;
}

function describeMany(view: FeedView): string {
  const { active, waiting, rules } = view;
  const [first] = active;
  const behind = waiting === 0 ? 'No file waits.' : `${files(waiting)} for one of them.`;
  return `${count(active.length, 'BatchUpload')} of the source have not ended, and spec.maxActiveUploads is ${rules.maxActive}. ${behind}${active.length === 1 ? advise(view, first!) : ''}`;
}

/** What a person can do about an upload that nobody can expect to end by itself. */
function advise({ namespace }: FeedView, { name, state }: ActiveUpload): string {
  switch (state) {
    case 'Suspended':
      return ` It is suspended. To let it go on: kubectl patch batchupload ${name} -n ${namespace} --type merge -p '{"spec":{"suspend":false}}'`;
    case 'Creating':
      return ' It is not created yet; status.recentFailing says why, if it cannot be.';
    case 'Ending':
      return ' It was deleted, and the operator ends its work.';
    default:
      return ` What it does: kubectl describe batchupload ${name} -n ${namespace}`;
  }
}

function describeHolder({ namespace, waiting }: FeedView, by: string, holder: SourceUpload | undefined): string {
  const isCancelled = holder?.state === 'Cancelled';
  const what = isCancelled ? 'was cancelled' : `has failed${holder?.reason ? ` (${holder.reason})` : ''}`;
  const behind = waiting === 0 ? 'no file waits behind it yet' : `${files(waiting)} behind it`;
  const retry = `To try it again: kubectl patch batchupload ${by} -n ${namespace} --type merge -p '{"spec":{"retryGeneration":${(holder?.retryGeneration ?? 0) + 1}}}'. `;
  return `The BatchUpload ${by} of ${holder?.key ?? 'a file'} ${what}, and ${behind}, since concurrencyPolicy is Serial. Why it ended: kubectl describe batchupload ${by} -n ${namespace}. ${isCancelled ? '' : retry}To go on without this file: kubectl delete batchupload ${by} -n ${namespace}. To go on after every failure: set spec.skipFailed to true; a failed BatchUpload that is tried again later then runs beside the file that is being loaded.`;
}

function describeUnhandled(waiting: number, unhandled: FilePosition | 'Unknown'): string {
  if (unhandled === 'Unknown') return `${files(waiting)} until the folder was looked into to its end.`;
  return `${files(waiting)} for ${unhandled.key}, which is older and not ready yet: it has changed less than spec.settleSeconds ago, or status.recentFailing says what hinders it.`;
}

function files(waiting: number): string {
  return `${count(waiting, 'file')} ${waiting === 1 ? 'waits' : 'wait'}`;
}
