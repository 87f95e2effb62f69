/** What a booted subject brings: its console landmarks and its checkpoints. The boot session knows no Xen. */
import type { Landmark } from '../serial/landmark.ts';
import type { LoaderReport } from '../grub/console.ts';
import type { BootEnd, EndMeaning } from './boot-end.ts';
import type { GuestView, Observation } from '../guest/guest-view.ts';

/** A place to stop, as a linear address in the address space that is current there. */
export interface Stop {
  readonly name: string;
  readonly address: bigint;
}

export interface ObservedCheckpoint {
  readonly name: string;
  readonly address: bigint;
  readonly observations: readonly Observation[];
}

/** A witness of its own, beside what the checkpoint proves at which it is asked. */
export interface Inspection {
  /** e.g. `layout at entry`. */
  readonly name: string;
  inspect(): Promise<readonly Observation[]>;
}

export const layoutName = (stop: string): string => `layout at ${stop}`;
export const rulesName = (stop: string): string => `rules at ${stop}`;

/** Whether a checkpoint is a stop itself, not a witness beside one, whose name says so: `layout at entry`. */
export function isStop({ name }: { readonly name: string }): boolean {
  return !name.includes(' at ');
}

export interface SubjectDriver {
  /** Landmarks of phase `subject`. */
  readonly landmarks: readonly Landmark[];
  /** Landmark name → what it means that the subject said it. */
  readonly ends: Readonly<Record<string, EndMeaning>>;
  /** Settles, with why in words, when the boot has come to its expected end without the console saying so. */
  readonly settled?: Promise<string>;
  /** Where to stop, given what the loader says it did; in the order they are met. */
  stops(report: LoaderReport): readonly Stop[];
  /** Looks at the guest stopped at `name`. Faults of the guest are observations, not exceptions. */
  observe(name: string, guest: GuestView, report: LoaderReport): Promise<readonly Observation[]>;
  /** What else is looked at there, in order; may write to memory that nobody owns. */
  inspections?(name: string, guest: GuestView, report: LoaderReport): readonly Inspection[];
}

/** The end of a boot whose driver settles by itself; never, where it does not. */
export function settledEnd({ settled }: SubjectDriver): Promise<BootEnd> {
  const never = new Promise<BootEnd>(() => undefined);
  return settled?.then((text) => ({ kind: 'subject', meaning: 'expected', text })) ?? never;
}
