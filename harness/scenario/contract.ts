/**
 * What a scenario is, what it is expected to end in, and what a run says while it goes on. Reporters, the command
 * line and scenarios meet here and nowhere else.
 */

import type { DeathKind } from '../boot/death.ts';
import type { KeptVariant } from '../grub/variants.ts';
import type { RelocationWindow } from '../multiboot2/header-tags.ts';
import type { ProbeVariant } from '../specimen/probe-variants.ts';

export type Firmware = 'bios' | 'efi';
export type MachineType = 'q35' | 'pc';
export type MediumKind = 'iso' | 'disk';
/** `kfreebsd`: GRUB's only way into a 64-bit image on BIOS. */
export type BootProtocol = 'multiboot2' | 'multiboot1' | 'kfreebsd';
/** `xen`: built from source, or the user's own; `kernel`: any other Multiboot2 kernel of the user's; else our specimen. */
export type SubjectName = 'xen' | 'kernel' | ProbeVariant | 'bios-64bit-entry';
/** The boot loader: the source as it is, or one that is wrong in a known way, as the scenario's condition. */
export type GrubVariant = KeptVariant;

/**
 * Which load base an instance asks for.
 * `window`: a case of grub/window-cases.ts: window, alignment and preference by name; GRUB chooses within it.
 * `any`: GRUB's own choice; `highest`: the highest slot the machine's memory map allows; `firmware-owned`: the lowest
 * slot that lies in the image's window but in memory that the firmware keeps; `none`: the protocol knows no relocation.
 * The two in the middle are found from the memory map of a survey boot, so a name stays the same on every firmware.
 */
export type BaseChoice =
  | { readonly kind: 'any' }
  | { readonly kind: 'highest' }
  | { readonly kind: 'firmware-owned' }
  | { readonly kind: 'none' }
  | { readonly kind: 'window'; readonly name: string }
  | { readonly kind: 'at'; readonly address: number };

/** One scenario × firmware × base × …: the unit that gets a verdict. */
export interface Instance {
  /** `xen-early-boot~efi~base-0x03e00000`, further axes only where they differ from the default. */
  readonly name: string;
  readonly scenario: string;
  /** Which image is booted: `xen`, or a specimen's name. */
  readonly subject: SubjectName;
  readonly firmware: Firmware;
  readonly machine: MachineType;
  readonly medium: MediumKind;
  readonly protocol: BootProtocol;
  readonly grubVariant: GrubVariant;
  readonly base: BaseChoice;
  /** What else differs between instances of one scenario, in a word that only the scenario knows: `ebda-0x2000`. */
  readonly variant?: string;
  readonly memoryMib: number;
  /** Which of the repeats of `--repeat N` this is, from 1; absent where nothing is repeated. */
  readonly repeat?: number;
}

/** What is enough to speak of an instance. */
export type InstanceLabel = Pick<Instance, 'name' | 'scenario' | 'firmware' | 'repeat'>;

/**
 * How an instance should end.
 * `boots`: every witness puts the image at `base` (absent: wherever GRUB chose) and the subject reaches its end text;
 * `refused`: GRUB refuses the window, as its own rules and the memory map say; `early-error`: the subject says exactly
 * `text` and halts; `window`: GRUB places it, or refuses, as the specification and the memory map leave it: `predicted`
 * says which, from the survey's map; `not-relocated`: a negative control: the image lands at its link base whatever was forced.
 */
export type Expectation =
  | {
      readonly kind: 'boots';
      readonly base?: number;
      /** What its user expects on the console, where that is not the subject's own affair. */
      readonly says?: string;
    }
  | {
      readonly kind: 'refused';
      readonly base?: number;
      readonly reason: string;
      /** The image's own header decides it, whatever the memory map; what GRUB must then say, where that is known. */
      readonly byHeader?: { readonly grubError?: string };
    }
  | { readonly kind: 'early-error'; readonly base?: number; readonly text: string }
  | { readonly kind: 'window'; readonly window: RelocationWindow; readonly predicted: string }
  | { readonly kind: 'not-relocated'; readonly base: number; readonly linkBase: number };

/** `flaky` is no boot's: it is of all repeats of an instance, where their verdicts differ (scenario/flaky.ts). */
export type Verdict = 'pass' | 'fail' | 'skip' | 'error' | 'crash' | 'flaky';

/** One thing a witness said at one point of the boot. */
export interface Checkpoint {
  /** e.g. `entry`, `base computed`, `console`. */
  readonly name: string;
  readonly ok: boolean;
  /** In words: what was seen and what it proves; where not ok, what was expected. */
  readonly detail: string;
}

/** How a machine died that should not have, or otherwise than it should. */
export interface DeathRecord {
  /** One of a closed list: see docs/decisions/0009-names-of-deaths.md. */
  readonly kind: DeathKind;
  /** In one line: what, and where the CPU stood. */
  readonly text: string;
  /** The last console landmark that was believed; null where there was none. */
  readonly lastLandmark: string | null;
  /** e.g. `32-bit, paging off, interrupts off`; null, as the next two, where QEMU was gone. */
  readonly mode: string | null;
  /** Linear address of the next instruction. */
  readonly pc: string | null;
  /** Symbol at the PC, or whose memory it is in. */
  readonly place: string | null;
  /** General and control registers, in hexadecimal. */
  readonly registers: Readonly<Record<string, string>>;
}

export interface InstanceResult {
  readonly name: string;
  readonly scenario: string;
  readonly firmware: Firmware;
  /** The load base asked for, resolved to a number; null where GRUB chose or nothing was booted. */
  readonly base: string | null;
  /** The expectation in words. */
  readonly expected: string;
  readonly verdict: Verdict;
  /** One line: why this verdict. */
  readonly reason: string;
  /** What a person should hear of a pass: a known defect of the subject, a known deviation of the loader. */
  readonly note?: string;
  readonly durationMs: number;
  /** What that time went to, in milliseconds by part: `prepare`, `start`, `restore` or `firmware`, `loader`, `hand-over`, `subject`, `witnesses`, `end`. */
  readonly partsMs?: Readonly<Record<string, number>>;
  /** Where the image was seen to be; null where it never got there. */
  readonly loadBaseAddress: string | null;
  readonly accelerator: string;
  /** From the machine's reset vector, or as a fork of one that was frozen at GRUB; absent where nothing was booted. */
  readonly start?: 'cold' | 'fork';
  readonly checkpoints: readonly Checkpoint[];
  /** Names of checkpoints that could not be tried, and why (an image without symbols). */
  readonly notPossible: readonly string[];
  /** Kind of evidence → path relative to the folder that holds results.json. */
  readonly evidence: Readonly<Record<string, string>>;
  /** One command that repeats this instance alone. */
  readonly repeat: string;
  /** Only where the machine ended otherwise than it should. */
  readonly death?: DeathRecord;
  /** Last console lines and code around the PC, for a person; only where the verdict is not pass or skip. */
  readonly excerpt?: readonly string[];
}

export interface ToolRecord {
  readonly version: string;
  readonly sha256?: string;
  readonly path?: string;
}

export interface Totals {
  readonly pass: number;
  readonly fail: number;
  readonly skip: number;
  readonly error: number;
  readonly crash: number;
  /** Instances whose repeats did not agree: one each, beside the repeats' own verdicts. */
  readonly flaky: number;
}

export interface HostRecord {
  readonly platform: string;
  readonly kernel: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMib: number;
  readonly node: string;
}

/** `<out>/results.json`, replaced as instances end: whole at any moment, also where the run is killed. */
export interface Results {
  readonly schema: 'loadbase.results/1';
  readonly runId: string;
  readonly startedAt: string;
  /** false while the run goes on, or where it was cut short. */
  readonly finished: boolean;
  readonly host: HostRecord;
  readonly tools: Readonly<Record<string, ToolRecord>>;
  /** How many instances the run was asked for. */
  readonly planned: number;
  readonly instances: readonly InstanceResult[];
  readonly totals: Totals;
}

/** What a run says while it goes on, in order; reporters turn it into text. */
export type RunEvent =
  | { readonly kind: 'preparing'; readonly task: string; readonly step: string; readonly typicalMs?: number }
  | { readonly kind: 'prepared'; readonly task: string; readonly step: string; readonly elapsedMs: number }
  | { readonly kind: 'notice'; readonly text: string }
  | {
      readonly kind: 'run-started';
      readonly runId: string;
      readonly outDirectory: string;
      readonly instances: readonly InstanceLabel[];
      readonly jobs: number;
      readonly accelerators: Readonly<Record<string, string>>;
      readonly tools: Readonly<Record<string, ToolRecord>>;
      /** Only where a stopped run goes on: how many of the instances have their result from before. */
      readonly earlier?: number;
    }
  | { readonly kind: 'instance-started'; readonly instance: Instance; readonly typicalMs?: number }
  | { readonly kind: 'instance-phase'; readonly instance: Instance; readonly phase: string }
  | {
      readonly kind: 'instance-ended';
      readonly instance: InstanceLabel;
      readonly result: InstanceResult;
      /** Ended before the run was resumed; told right after `run-started`. */
      readonly isEarlier?: true;
    }
  /**
   * All repeats of an instance have ended and disagree; none of the plan's instances, but one more result. Earlier: all
   * had ended before the run was resumed.
   */
  | { readonly kind: 'flake-found'; readonly result: InstanceResult; readonly isEarlier?: true }
  | {
      readonly kind: 'run-ended';
      readonly results: Results;
      /** Of a resumed run: since it was resumed. */
      readonly durationMs: number;
      readonly interrupted: boolean;
    };

export type RunListener = (event: RunEvent) => void;

export function totalsOf(results: readonly { readonly verdict: Verdict }[]): Totals {
  const totals = { pass: 0, fail: 0, skip: 0, error: 0, crash: 0, flaky: 0 };
  for (const { verdict } of results) totals[verdict]++;
  return totals;
}
