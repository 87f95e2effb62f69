/** What a scenario file defines. Claim first: what is held to be true, and what a broken subject would do instead. */
import type { Inspection } from '../boot/subject-driver.ts';
import type { LoaderReport } from '../grub/console.ts';
import type { GuestView } from '../guest/guest-view.ts';
import type { PayloadModule } from '../image/payload.ts';
import type { HeaderTag } from '../multiboot2/header-tags.ts';
import type { LoadedSubject } from '../subject/loaded-subject.ts';
import type { Expectation, Instance } from './contract.ts';
import type { EndedMachine } from './instance-driver.ts';

/** What is handed to the subject of an instance, and how it should then end. */
export interface Circumstances {
  /** The subject's command line. */
  readonly arguments: string;
  /** Handed over with it; default: none. */
  readonly modules?: readonly PayloadModule[];
  /** How the console line begins that ends the boot as it should, without Xen's `(XEN) `; default: nobody gave it a dom0. */
  readonly expectedEnd?: string;
  /** The console line that ends the boot of a kernel that nobody here knows; absent: it need only stay alive. */
  readonly expectedLine?: RegExp;
  /** CPU features turned on or off, as QEMU's -cpu names them. */
  readonly cpuFeatures?: readonly string[];
  /** Header tags that no loader shall see: each becomes one of an unknown type, and optional. */
  readonly neutralised?: readonly HeaderTag['type'][];
  /** Written into memory when the machine stands at the image's first instruction, before anything is looked at. */
  readonly atEntry?: readonly MemoryWrite[];
  /** Witnesses beside the subject's own. */
  readonly witnesses?: Witnesses;
  readonly knownDefect?: KnownDefect;
  /** What the subject says where its base is no multiple of its own alignment; default: it does not mind. */
  readonly misalignedText?: string;
}

/** Physical; below 4 GiB. */
export interface MemoryWrite {
  readonly address: number;
  readonly bytes: Uint8Array;
  /** In words, e.g. `0x40e (EBDA) = 0x2000`. */
  readonly says: string;
}

/** What one scenario looks at, of a subject that it knows. */
export interface Witnesses {
  /** At the subject's own stops, in order. */
  at?(stop: string, guest: GuestView, subject: LoadedSubject, report: LoaderReport): readonly Inspection[];
  /** The subject has announced its end; the machine is stopped. */
  atEnd?(machine: EndedMachine, subject: LoadedSubject): readonly Inspection[];
}

/**
 * A defect that versions before its fix have. What its witness says is then no failure, but told; from the fixed version
 * on it is one, and so is anything else that the witness says.
 */
export interface KnownDefect {
  readonly of: 'Xen' | 'GRUB';
  /** The upstream commit. */
  readonly fix: string;
  /** The first release that has it, e.g. `4.20`. */
  readonly mendedIn: string;
  /** Checkpoint that notices; `end`: how it ends does. */
  readonly witness: string;
  /** All that the witness says then. */
  readonly text: RegExp;
}

/** A defect of the past that a scenario would have caught. */
export interface History {
  /** Upstream commits of the fix. */
  readonly fixes: readonly string[];
  /** The checkpoint that notices. */
  readonly witness: string;
  /** In the sabotage catalogue: what brings the defect back. */
  readonly sabotages: readonly string[];
}

export interface Scenario {
  readonly name: string;
  /** One or two sentences; shown by `loadbase list --json` and kept in docs. */
  readonly claim: string;
  /** It is about any load base: `--base` applies to it unasked. */
  readonly sweeps?: boolean;
  /** The default matrix, in the order shown. */
  instances(): readonly Instance[];
  given(instance: Instance): Circumstances;
  /** Instead of what base and memory map predict. */
  expectation?(instance: Instance, predicted: Expectation): Expectation;
  /** Said once before its instances are run. */
  readonly notices?: readonly string[];
  readonly history?: History;
  /** Why its condition cannot be made here: its instances are skipped, and say so. */
  readonly notMade?: string;
}

/** The scenario of an instance. @throws Error where none is called so. */
export function scenarioOf(scenarios: readonly Scenario[], instance: Instance): Scenario {
  const scenario = scenarios.find(({ name }) => name === instance.scenario);
  if (!scenario) throw new Error(`no scenario is called ${instance.scenario}`);
  return scenario;
}
