/** Why the model does not go on: values, as the guest, not the host, is the cause. */

export type StopReason =
  /** No semantics are written for it, or it is none: its bytes, or all that it may have where the decoder knows none. */
  | {
      readonly kind: 'unknown opcode';
      readonly bytes: Uint8Array;
      readonly bitness: 16 | 32 | 64;
      readonly linear: bigint;
      /** Empty where the decoder knows none either. */
      readonly mnemonic: string;
    }
  /** Nobody said what stands there. */
  | { readonly kind: 'unknown memory'; readonly physical: number; readonly sizeBytes: number }
  /** Control is about to leave where the model may execute. */
  | { readonly kind: 'left'; readonly linear: bigint }
  /** Something that somebody watches is about to happen. */
  | Watched
  | { readonly kind: 'halted' }
  | { readonly kind: 'triple fault'; readonly vector: number; readonly errorCode: number | undefined }
  /** Something that the model does not do, in words: a task switch, virtual-8086 mode. */
  | { readonly kind: 'unsupported'; readonly what: string }
  | { readonly kind: 'limit' };

/** What a page is watched for. `walk`: of page tables, by the CPU itself. */
export type WatchedAccess = 'read' | 'write' | 'execute' | 'walk';

export interface Watched {
  readonly kind: 'watched';
  /** `translate`: of a linear address; `pointer`: a store whose value is one; `comparison`: with one. */
  readonly what: WatchedAccess | 'translate' | 'pointer' | 'comparison';
  /** What a translation is for. */
  readonly access?: Exclude<WatchedAccess, 'walk'>;
  /** Of a pointer or comparison: the value; of a translation: 0. */
  readonly physical: number;
  readonly sizeBytes: number;
  /** Of a pointer and a walk: 0. */
  readonly linear: bigint;
}

/** A way out of the middle of an instruction; caught by the runner. No Error, as a GuestFault is none. */
export class ModelStop {
  readonly name = 'ModelStop';
  constructor(readonly reason: StopReason) {}
}
