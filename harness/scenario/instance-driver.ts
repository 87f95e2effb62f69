/** A subject's driver and what judging one boot of it needs besides. One is made for each instance. */
import type { LoaderReport } from '../grub/console.ts';
import { rulesName, type Inspection, type SubjectDriver } from '../boot/subject-driver.ts';
import type { EndMeaning } from '../boot/boot-end.ts';
import type { GuestView, MemoryView, Observation } from '../guest/guest-view.ts';
import { checkEntryRules } from '../subject/entry-rules.ts';
import type { LoadedSubject, SubjectFacts } from '../subject/loaded-subject.ts';
import { subjectAt } from '../subject/loaded-subject.ts';
import type { LayoutOracle } from './layout-oracle.ts';

export interface InstanceDriver extends SubjectDriver {
  /** What is known of the layout of this driver's one boot. */
  readonly layout: LayoutOracle;
  /** Checkpoints that could not be found in this image, each with its reason. */
  readonly notPossible: readonly string[];
  /** The console's own figures, where the subject came to its expected end. */
  observeConsole(lines: readonly string[], report: LoaderReport): readonly Observation[];
  /** The layout where the subject itself has announced its end, and memory was still nobody's then. */
  inspectEnd?(guest: MemoryView, meaning: EndMeaning, report: LoaderReport): Promise<readonly Observation[]>;
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
