/**
 * Sends one file: sum, place, bytes, completion, registration. What a person sees of it is one state; what went wrong
 * is a refusal, which a person mends and goes on from. Nothing is registered that was not put whole.
 */
import type { ColumnMapping } from '#api/source-format.ts';
import { ProblemError } from '#page/api/problem-error.ts';
import type { FileMark } from './fingerprint.ts';
import type { GatewayFiles, Place } from './gateway-files.ts';
import { type PutOnce, putBytes } from './put-bytes.ts';
import { explainFailure, StorageClosed } from './refusal.ts';
import { firstState, type SendState } from './send-state.ts';
import { createSpeedMeter } from './speed.ts';
import type { CreateTransport, Transport, TransportSteps } from './transport.ts';
import type { Unfinished } from './unfinished.ts';
import type { Wait } from './until-answered.ts';

export interface SendRequest {
  file: File;
  mark: FileMark;
  schema: string;
  columns: ColumnMapping[];
  /** The place of an earlier visit. */
  resumed: Unfinished | null;
}

export interface SendDeps {
  files: GatewayFiles;
  user: string;
  namespace: string;
  checksumOf(blob: Blob, options: { signal?: AbortSignal; onProgress?: (bytesRead: number) => void }): Promise<number>;
  assertReadable(blob: Blob): Promise<void>;
  createTransport: CreateTransport;
  putOnce: PutOnce;
  wait: Wait;
  keep(unfinished: Unfinished): void;
  forget(id: string): void;
  nowMs(): number;
  newKey(): string;
}

export interface Sending {
  pause(): void;
  /** Goes on after a pause, and tries again after a refusal. @param change what the person has mended */
  resume(change?: { schema: string; columns: ColumnMapping[] }): void;
  /** Ends the sending, and removes what was put. */
  cancel(): void;
  /** Ends the sending, and leaves what was put for the next visit. */
  leave(): void;
  /** The page learns it from the calls to the gateway. */
  setSilent(isSilent: boolean): void;
}

export function startSending(deps: SendDeps, request: SendRequest, onState: (state: SendState) => void): Sending {
  const run = new SendRun(deps, request, onState);
  run.start();
  return run;
}

class SendRun implements Sending {
  readonly #deps: SendDeps;
  readonly #onState: (state: SendState) => void;
  readonly #meter = createSpeedMeter();
  readonly #end = new AbortController();
  #request: SendRequest;
  #state: SendState;
  #place: Place | null = null;
  #sum: number | null = null;
  #isResumed = false;
  #eTag: string | null = null;
  #transport: Transport | null = null;
  /** The Idempotency-Key of the request for a place: it finds the same place after a lost answer. */
  #key: string;

  constructor(deps: SendDeps, request: SendRequest, onState: (state: SendState) => void) {
    this.#deps = deps;
    this.#request = request;
    this.#onState = onState;
    this.#key = deps.newKey();
    this.#state = firstState(request.file.size);
  }

  start(): void {
    this.#run().catch((error: unknown) => this.#refuse(error));
  }

  pause(): void {
    if (this.#state.phase !== 'Sending' || this.#transport === null) return;
    this.#transport.pause();
    this.#meter.reset();
    this.#set({ phase: 'Paused', bytesPerSecond: null, secondsLeft: null, isSilent: false });
  }

  resume(change?: { schema: string; columns: ColumnMapping[] }): void {
    const { phase } = this.#state;
    if (phase === 'Paused') {
      this.#set({ phase: 'Sending' });
      this.#transport?.resume();
    }
    if (phase !== 'Refused') return;
    this.#request = { ...this.#request, ...change };
    this.#set({ refusal: null, phase: this.#eTag === null ? 'Sending' : 'Registering' });
    this.start();
  }

  leave(): void {
    this.#end.abort(new DOMException('The sending was ended.', 'AbortError'));
    this.#transport?.cancel();
    this.#set({ phase: 'Cancelled' });
  }

  cancel(): void {
    if (this.#state.phase === 'Registered' || this.#state.phase === 'Cancelled') return;
    this.leave();
    const id = this.#place?.id;
    if (id === undefined) return;
    this.#deps.forget(id);
    // What is left is removed after a day in any case.
    this.#deps.files.remove(id).catch(() => undefined);
  }

  setSilent(isSilent: boolean): void {
    if (isSilent !== this.#state.isSilent) this.#set({ isSilent });
  }

  async #run(): Promise<void> {
    const place = await this.#findPlace();
    this.#place = place;
    if (place.state === 'Registered' && place.uploadName !== undefined) return this.#finish(place, place.uploadName);
    await this.#put(place);
    this.#set({ phase: 'Registering', isPut: true });
    const { schema, columns } = this.#request;
    const registration = { schema, columns, eTag: this.#eTag! };
    const { name } = await this.#deps.files.register(place.id, registration, this.#end.signal);
    this.#finish(place, name);
  }

  #finish({ id }: Place, upload: string): void {
    this.#deps.forget(id);
    this.#set({ phase: 'Registered', upload, isPut: true });
  }

  /** The place of this run or of an earlier visit, or else a new one. */
  async #findPlace(): Promise<Place> {
    const { files, nowMs } = this.#deps;
    const { resumed, file } = this.#request;
    const { signal } = this.#end;
    if (this.#place !== null && this.#eTag !== null) return this.#place;
    const known = this.#place ?? (resumed !== null && resumed.expiresAt > nowMs() ? resumed : null);
    if (known !== null) {
      const found = await files.readPlace(known.id, signal).catch(ignoreGone);
      this.#isResumed = true;
      if (found?.state === 'Registered') return found;
      if (found?.state === 'Open' && ((await this.#isWhole(found)) || found.multipart)) {
        this.#keep(found);
        return found;
      }
      this.#deps.forget(known.id);
      this.#key = this.#deps.newKey();
    }
    this.#isResumed = false;
    this.#eTag = null;
    this.#sum ??= await this.#sumFile();
    const storage = await files.readStorage(signal);
    if (storage.status === 'Refused') throw new StorageClosed(storage.message);
    const place = await files.makePlace({ name: file.name, size: file.size, crc32: this.#sum }, this.#key, signal);
    this.#keep(place);
    return place;
  }

  /**
   * Is the file in the storage already, so that it only is to be registered? Otherwise parts go on, and a file that is
   * put whole goes to another place, since the URL of a PUT is not kept.
   */
  async #isWhole({ id }: Place): Promise<boolean> {
    try {
      this.#eTag = (await this.#deps.files.complete(id, this.#end.signal)).eTag;
      return true;
    } catch (error) {
      if (error instanceof ProblemError && error.status === 409) return false;
      throw error;
    }
  }

  async #sumFile(): Promise<number> {
    this.#set({ phase: 'Summing', doneBytes: 0 });
    return this.#deps.checksumOf(this.#request.file, {
      signal: this.#end.signal,
      onProgress: (doneBytes) => this.#set({ doneBytes }),
    });
  }

  async #put(place: Place): Promise<void> {
    if (this.#eTag !== null) return;
    this.#set({ phase: 'Sending', doneBytes: 0 });
    this.#meter.reset();
    await this.#transfer(place);
    this.#eTag = await this.#complete(place).catch(async (error: unknown) => {
      // A part that the storage has lost or cut is listed as missing, and put again.
      if (!(error instanceof ProblemError) || error.status !== 409 || !place.multipart) throw error;
      this.#isResumed = true;
      this.#set({ phase: 'Sending' });
      await this.#transfer(place);
      return this.#complete(place);
    });
  }

  async #complete({ id, size }: Place): Promise<string> {
    this.#set({ phase: 'Completing', doneBytes: size, isSilent: false });
    return (await this.#deps.files.complete(id, this.#end.signal)).eTag;
  }

  async #transfer(place: Place): Promise<void> {
    const { file } = this.#request;
    this.#transport = this.#deps.createTransport({
      file,
      place,
      isResumed: this.#isResumed,
      steps: this.#steps(place),
      onProgress: (sentBytes) => this.#progress(sentBytes),
    });
    try {
      await this.#transport.run();
    } finally {
      this.#transport = null;
    }
  }

  #steps({ id }: Place): TransportSteps {
    const { files, checksumOf, putOnce, wait, assertReadable } = this.#deps;
    const both = (signal: AbortSignal) => AbortSignal.any([signal, this.#end.signal]);
    const onSilence = (isSilent: boolean) => this.setSilent(isSilent);
    return {
      signPart: async ({ number, body }, signal) => {
        const crc32 = await checksumOf(body, { signal: both(signal) });
        return files.signPart(id, { number, crc32 }, both(signal));
      },
      listParts: (signal) => files.listParts(id, both(signal)),
      putBytes: (putting) =>
        putBytes({ putOnce, wait, assertReadable, onSilence }, { ...putting, signal: both(putting.signal) }),
    };
  }

  #progress(doneBytes: number): void {
    if (this.#state.phase !== 'Sending') return;
    this.#meter.add(doneBytes, this.#deps.nowMs());
    const isSilent = this.#state.isSilent && doneBytes <= this.#state.doneBytes;
    this.#set({ doneBytes, isSilent, ...this.#meter.read(doneBytes, this.#state.sizeBytes) });
  }

  #keep({ id, expiresAt }: Place): void {
    const { user, namespace } = this.#deps;
    const { mark, schema, columns } = this.#request;
    this.#deps.keep({ user, namespace, id, mark, schema, columns, expiresAt: Date.parse(expiresAt) });
  }

  #refuse(error: unknown): void {
    if (this.#state.phase === 'Cancelled') return;
    const refusal = explainFailure(error, this.#state.phase);
    // A place that is of no use any more is not offered again.
    if (this.#place !== null && refusal.isPlaceLost) {
      this.#deps.forget(this.#place.id);
      this.#place = null;
      this.#key = this.#deps.newKey();
      this.#sum = null;
      this.#request = { ...this.#request, resumed: null };
    }
    this.#set({ phase: 'Refused', refusal, isSilent: false, bytesPerSecond: null, secondsLeft: null });
  }

  #set(change: Partial<SendState>): void {
    if (this.#state.phase === 'Cancelled') return;
    this.#state = { ...this.#state, ...change };
    this.#onState(this.#state);
  }
}

/** @throws the error when it says something else */
function ignoreGone(error: unknown): null {
  if (error instanceof ProblemError && error.status === 404) return null;
  throw error;
}
