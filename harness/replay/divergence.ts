/** Where model and trace part, as values. */
import type { StopReason } from '../x86/execute/stop.ts';
import type { Bitness } from '../x86/execute/cpu.ts';

/** An instruction that was executed. */
export interface Place {
  /** Counted from 1, as the trace counts records that are steps. */
  readonly step: number;
  /** Code segment base + instruction pointer. */
  readonly linear: bigint;
  readonly bitness: Bitness;
  /** From its first byte on, as the model has them; not all need be the instruction's. */
  readonly bytes: Uint8Array;
}

/** A part of the CPU state, by its name in STATE_FIELDS; unsigned. */
export interface FieldDifference {
  readonly name: string;
  /** What was recorded. */
  readonly expected: bigint;
  /** What the model computed. */
  readonly actual: bigint;
}

export type Disagreement =
  | { readonly kind: 'state'; readonly fields: readonly FieldDifference[] }
  /** Of a repeated string instruction. */
  | { readonly kind: 'iterations'; readonly expected: number; readonly actual: number }
  /** The model did not execute what was recorded. */
  | { readonly kind: 'stopped'; readonly reason: StopReason }
  /** Memory that was stored to holds something else. */
  | {
      readonly kind: 'memory';
      readonly address: number;
      readonly sizeBytes: number;
      readonly expectedCrc32: number;
      readonly actualCrc32: number;
    }
  /** The trace says that control left here, and in the model it did not. */
  | { readonly kind: 'stayed'; readonly linear: bigint };

export interface Divergence {
  /** Of the instruction at which they part. */
  readonly at: Place;
  readonly disagreement: Disagreement;
  /** The instructions before it, the last one last; at most {@link HISTORY}. */
  readonly before: readonly Place[];
}

export const HISTORY = 20;
