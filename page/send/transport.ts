/** What puts the bytes of a file, whole or in parts. */
import type { Place, SignedPut, StoredPart } from './gateway-files.ts';
import type { Putting } from './put-bytes.ts';

export interface TransportSteps {
  signPart(part: { number: number; body: Blob }, signal: AbortSignal): Promise<SignedPut>;
  listParts(signal: AbortSignal): Promise<StoredPart[]>;
  /** @returns the ETag. @throws PutRefused, DOMException */
  putBytes(putting: Putting): Promise<string | null>;
}

export interface TransportOptions {
  file: File;
  place: Place;
  /** True when the storage may have parts of an earlier visit. */
  isResumed: boolean;
  steps: TransportSteps;
  onProgress(sentBytes: number): void;
}

export interface Transport {
  /** Resolves when every byte was put. @throws what a step has thrown; DOMException AbortError after `cancel` */
  run(): Promise<void>;
  pause(): void;
  resume(): void;
  cancel(): void;
}

export type CreateTransport = (options: TransportOptions) => Transport;
