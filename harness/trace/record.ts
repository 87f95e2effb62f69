/**
 * What a trace holds: records in the order of execution. docs/trace-format.md says how they are written; a CPU's state is
 * the array of words of harness/x86/state/state-layout.ts throughout.
 */

/** One instruction: the state words that it changed. */
export const STEP = 0;
/** A step whose register results come from outside the model (CPUID, RDTSC, IN, RDMSR …): they are the input. */
export const INPUT = 1;
/** A step of a repeated string instruction: one record for all the iterations that ran. */
export const REPEAT = 2;
/**
 * Control left the inside: this stands for the instruction that left and all until control was inside again. What it
 * changed in memory follows at once, as {@link MEMORY} with the cause `written`.
 */
export const EXCURSION = 3;
/** Bytes of physical memory that are known from here on. */
export const MEMORY = 4;
/** What real memory held here: the model's memory must agree. */
export const DIGEST = 5;
/** Nothing more. */
export const END = 6;

/** {@link STEP} … {@link END}: a small integer, so that reading a step makes no object. */
export type RecordKind = 0 | 1 | 2 | 3 | 4 | 5 | 6;

/** By {@link RecordKind}. */
export const RECORD_NAMES = ['step', 'input', 'repeat', 'excursion', 'memory', 'digest', 'end'] as const;

/** Whether a record is a step: it has a state after it, and it counts. */
export function isStepKind(kind: RecordKind): boolean {
  return kind <= EXCURSION;
}

/**
 * Why bytes of memory stand in the trace. `read`: they were there all along, and are about to be read for the first time.
 * `written`: somebody outside has just changed them: the excursion before, a device.
 */
export type MemoryCause = 'read' | 'written';

/** Bytes at a physical address. */
export interface MemoryRun {
  readonly address: number;
  /** At least one. */
  readonly bytes: Uint8Array;
}

/** The CRC-32 (ISO 3309, as zlib's) of what physical memory held in a range. */
export interface MemoryDigest {
  readonly address: number;
  readonly sizeBytes: number;
  /** Unsigned. */
  readonly crc32: number;
}

/** How much a trace, or a part of it, holds. */
export interface TraceTotals {
  /** Records that are steps. */
  readonly steps: number;
  /** As the machine counts: each iteration of a repeated string instruction is one, anything else is one. */
  readonly guestSteps: number;
}

/** The last word of a whole trace. */
export interface TraceEnding extends TraceTotals {
  /** Why the capture ended, e.g. `__start_xen reached`. */
  readonly why: string;
}
