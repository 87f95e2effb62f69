/** What a boot session is asked for, and what it tells. */
import type { LoaderReport } from '../grub/console.ts';
import type { Deadline } from '../lifetime/deadline.ts';
import type { Laps } from '../lifetime/laps.ts';
import type { LogRange, MachineSpec } from '../qemu/machine-spec.ts';
import type { BootEnd } from './boot-end.ts';
import type { FrozenMachine } from './frozen-machine.ts';
import type { ObservedCheckpoint, SubjectDriver } from './subject-driver.ts';

export interface BootRecord {
  readonly end: BootEnd;
  readonly loader: LoaderReport | undefined;
  readonly checkpoints: readonly ObservedCheckpoint[];
  /** Stops that were planned and never met, by name. */
  readonly missed: readonly string[];
  /** Cleaned console lines of the subject's phase. */
  readonly subjectLines: readonly string[];
  /** The last landmark that was believed. */
  readonly lastLandmark?: string | undefined;
  /** Landmarks said in a phase they do not belong to: not believed, and each named once. */
  readonly outOfPhase?: readonly string[];
}

export type HandOff =
  | { readonly kind: 'loaded'; readonly loader: LoaderReport }
  | { readonly kind: 'ended'; readonly end: BootEnd };

export interface BootOptions {
  readonly qemu: string;
  readonly spec: MachineSpec;
  /** Evidence is written here as it arrives; the folder exists. */
  readonly directory: string;
  readonly deadline: Deadline;
  /** A fork of it instead of a machine that begins at its reset vector. */
  readonly from?: FrozenMachine | undefined;
  /** Told what the time goes to, beside what launching tells: `firmware`, `loader`, `hand-over`, `subject`, `witnesses`, `end`. */
  readonly laps?: Laps | undefined;
  /** What GRUB must read back from the payload drive, word for word. */
  readonly choice?: string;
  /** Absent: a survey, which ends at the memory map. */
  readonly driver?: SubjectDriver;
  readonly onPhase?: (phase: string) => void;
  /** false: QEMU's own anonymous memory, which only its stub can read. */
  readonly sharedRam?: boolean;
  /** Where QEMU's log of CPU states looks, once it is switched on. */
  readonly logRanges?: readonly LogRange[];
  /** Aborting ends the machine, now or later. */
  readonly signal?: AbortSignal;
}
