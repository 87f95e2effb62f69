/** One boot of one image: what the checks judge against. */
import type { ForeignType } from '../multiboot2/information-view.ts';
import { entryKind, type EntryKind } from './entry-kind.ts';
import type { BootImage } from './boot-image.ts';
import type { ImageSymbols } from './image-symbols.ts';

/** What is known of the subject before it is loaded. */
export interface SubjectFacts {
  /** What layouts call it, e.g. `Xen`. */
  readonly called: string;
  readonly image: BootImage;
  readonly symbols: ImageSymbols | undefined;
  readonly firmware: 'bios' | 'efi';
  readonly protocol: 'multiboot2' | 'multiboot1' | 'kfreebsd';
  /** Whether the loader knows relocation, so that tag 21 must be there. */
  readonly relocatingLoader: boolean;
  /** How a loader does not tell the truth in tag 21: a base that is wrong, or a type that nobody knows; absent: it does. */
  readonly toldBase?: { readonly offBytes: number } | ForeignType;
  /** The boot loader name tag that the GRUB we built must give, e.g. `GRUB 2.06-loadbase.1a2b3c4d`. */
  readonly loaderName: string;
  /** The subject's command line as the loader passes it. */
  readonly arguments: string;
  readonly moduleCount: number;
  /** What each module holds, in the order handed over; absent: not known, so not compared. */
  readonly modules?: readonly Uint8Array[];
  /** How the expected last word begins; absent: the subject's own default. */
  readonly expectedEnd?: string;
}

export interface LoadedSubject extends SubjectFacts {
  readonly entry: EntryKind;
  /** Where the segment linked lowest was put. */
  readonly loadBase: number;
  /** Load base address − link base: Xen's `xen_phys_start`. */
  readonly physicalStart: number;
}

/** A subject whose symbols are there, as every checkpoint after the entry needs. */
export type SymbolisedSubject = LoadedSubject & { readonly symbols: ImageSymbols };

/** What tag 21 must hold with this loader, or the type that stands there instead. */
export function toldBaseOf({ toldBase, loadBase }: LoadedSubject): number | ForeignType {
  if (toldBase === undefined) return loadBase;
  return 'asType' in toldBase ? toldBase : loadBase + toldBase.offBytes;
}

export function subjectAt(facts: SubjectFacts, loadBase: number): LoadedSubject {
  return {
    ...facts,
    entry: entryKind(facts),
    loadBase,
    physicalStart: loadBase - facts.image.loaded.linkBase,
  };
}
