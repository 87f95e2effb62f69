/** A subject's driver and what judging one boot of it needs besides. One is made for each instance. */
import type { LoaderReport } from '../grub/console.ts';
import { rulesName, type Inspection, type SubjectDriver } from '../boot/subject-driver.ts';
import type { EndMeaning } from '../boot/boot-end.ts';
import type { GuestView, MemoryView, Observation } from '../guest/guest-view.ts';
import { checkEntryRules } from '../subject/entry-rules.ts';
import type { LoadedSubject, SubjectFacts } from '../subject/loaded-subject.ts';
import { subjectAt } from '../subject/loaded-subject.ts';
import type { MachineState } from '../multiboot2/machine-state-rules.ts';
import type { LayoutOracle } from './layout-oracle.ts';

/** The machine at an end that the subject announced: stopped, with nobody at its gdbstub. */
export interface EndedMachine extends MemoryView {
  /** What stands at an address that is no RAM, e.g. in VGA text memory. */
  readDevice(address: number, sizeBytes: number): Promise<Uint8Array>;
  readMachineState(): Promise<MachineState>;
  /** In HLT. */
  readonly isHalted: boolean;
  /** All console lines of the subject's phase, those after its end included. */
  readonly lines: readonly string[];
}

export interface InstanceDriver extends SubjectDriver {
  /** What is known of the layout of this driver's one boot. */
  readonly layout: LayoutOracle;
  /** Checkpoints that could not be found in this image, each with its reason. */
  readonly notPossible: readonly string[];
  /** What the subject says of itself, where it came to its expected end; `name`: the witness's. */
  readonly own: {
    readonly name: string;
    /** It is asked wherever the image was entered, however that ended. */
    readonly always?: boolean;
    observe(lines: readonly string[], report: LoaderReport): readonly Observation[];
  };
  /** Ends that it halts soon after: what is looked at then waits for that. */
  readonly haltsAt?: readonly EndMeaning[];
  /** What is looked at where the subject itself has announced its end. */
  endInspections?(machine: EndedMachine, meaning: EndMeaning, report: LoaderReport): readonly Inspection[];
}

/** Where the image is, by the loader's own word; its link base where the loader says nothing. */
export function loadBaseOf(report: LoaderReport | undefined, { image }: SubjectFacts): number {
  return report?.loadBase ?? image.loaded.linkBase;
}

/** The subject where the loader says it is. */
export function reportedSubject(facts: SubjectFacts, report: LoaderReport | undefined): LoadedSubject {
  return subjectAt(facts, loadBaseOf(report, facts));
}

/** The specification's demands on the loader, as a witness of its own; Multiboot 1 has others. */
export function rulesAtEntry(guest: GuestView, subject: LoadedSubject): Inspection[] {
  if (subject.protocol !== 'multiboot2') return [];
  return [{ name: rulesName('entry'), inspect: () => checkEntryRules(guest, subject) }];
}
