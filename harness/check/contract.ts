/** What an offline check of an image finds: per base, per entry, and in all. Values only, so that workers can send them. */
import type { Observation } from '../guest/guest-view.ts';
import type { Finding } from '../sanitizer/finding.ts';
import type { StopReason } from '../x86/execute/stop.ts';
import type { ImageCopy } from './executed-instructions.ts';

/** How the loader enters the image. */
export type EntryName = 'bios' | 'efi';

/** How a run ended. */
export type Ending =
  /** It came where early boot hands over, e.g. `__start_xen`. */
  | { readonly kind: 'reached'; readonly where: string }
  /** It halted after a last word on its console. */
  | { readonly kind: 'said'; readonly text: string }
  /** A question to the firmware or the CPU that no capture answers. */
  | { readonly kind: 'unanswered'; readonly what: string; readonly linear: bigint }
  /** The model stopped: a triple fault, a halt without a word, an unknown opcode, unknown memory. */
  | { readonly kind: 'stopped'; readonly reason: StopReason; readonly linear: bigint }
  /** It went on beyond the bound; in the order of addresses, the loop's lowest first. */
  | { readonly kind: 'endless'; readonly loop: readonly LoopPlace[] };

/** An address of the loop, and how often it was met among the last instructions. */
export interface LoopPlace {
  readonly linear: bigint;
  readonly times: number;
}

/** An instruction, as it stood in memory. */
export type CodePlace = Finding['instruction'];

/** Something that differs from the reference base otherwise than by the base. */
export interface Asymmetry {
  /** `image+0x1c8040 (boot_gdt+0x40)`, or a register's name. */
  readonly place: string;
  /** At the reference base and at this one. */
  readonly reference: bigint;
  readonly here: bigint;
  /** The first instruction after whose execution the two runs differ so; link-time linear address. */
  readonly instruction?: bigint;
  /** The same, as it stood at the reference base, which is the link base. */
  readonly code?: CodePlace;
}

/** One thing that was looked at where a run had ended. */
export interface EndObservation extends Observation {
  /** What comes after early boot cannot get as far as its console without it. */
  readonly isVital?: boolean;
}

/** One run at one base. */
export interface BaseResult {
  readonly entry: EntryName;
  readonly loadBase: number;
  readonly ending: Ending;
  /** Whether that is how it must end here: a misaligned base may ask for an error text. */
  readonly endsAsExpected: boolean;
  /** Where it ended, where that is not as expected; of a loop the lowest instruction. */
  readonly endedAt?: CodePlace;
  /** What the image copied of itself below 1 MiB, around the code there that is told of. */
  readonly copies?: readonly ImageCopy[];
  /** Instructions; a repeated string instruction counts once. */
  readonly executed: number;
  /** Those of known defects are not among them. */
  readonly findings: readonly Finding[];
  /** Known defects of this version, in words. */
  readonly notes: readonly string[];
  /** The end state, in words. */
  readonly endState: readonly EndObservation[];
  /** The first of them. */
  readonly asymmetries: readonly Asymmetry[];
  /** How many there are in all. */
  readonly asymmetryCount: number;
}

export function holdsAt({ endsAsExpected, findings, endState, asymmetryCount }: BaseResult): boolean {
  return endsAsExpected && findings.length === 0 && asymmetryCount === 0 && endState.every(({ ok }) => ok);
}

/**
 * Whether a console would show the defect; silent: the boot goes on as if nothing were wrong. What is executed after early
 * boot is not foretold but for what it cannot begin without.
 */
export type Visibility = 'shows' | 'silent';

export function visibilityOf({ endsAsExpected, endState }: BaseResult): Visibility {
  const goesOn = endState.every(({ ok, isVital }) => ok || isVital !== true);
  return endsAsExpected && goesOn ? 'silent' : 'shows';
}
