/** What a person sees of a sending. */
import type { Refusal } from './refusal.ts';

export type SendPhase =
  /** The checksum of the whole file is computed. */
  | 'Summing'
  | 'Sending'
  | 'Paused'
  /** The storage puts the parts together and compares the checksum. */
  | 'Completing'
  | 'Registering'
  | 'Registered'
  /** Something is to be mended: `refusal` says what. */
  | 'Refused'
  | 'Cancelled';

export interface SendState {
  phase: SendPhase;
  /** Summed bytes while summing, sent bytes then. */
  doneBytes: number;
  sizeBytes: number;
  bytesPerSecond: number | null;
  secondsLeft: number | null;
  /** True while nobody answers: the sending goes on by itself. */
  isSilent: boolean;
  /** The bytes are in the storage, whatever becomes of the registration. */
  isPut: boolean;
  refusal: Refusal | null;
  /** The name of the upload, when the phase is `Registered`. */
  upload: string | null;
}

export function firstState(sizeBytes: number): SendState {
  return {
    phase: 'Summing',
    doneBytes: 0,
    sizeBytes,
    bytesPerSecond: null,
    secondsLeft: null,
    isSilent: false,
    isPut: false,
    refusal: null,
    upload: null,
  };
}
