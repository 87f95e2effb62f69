/** One boot of one Xen image: what the checks judge against. */
import type { EntryKind } from './checkpoint-addresses.ts';
import type { BootImage, XenSymbols } from './xen-image.ts';

export interface XenSubject {
  readonly image: BootImage;
  readonly symbols: XenSymbols | undefined;
  readonly entry: EntryKind;
  readonly protocol: 'multiboot2' | 'multiboot1';
  /** Where the segment linked lowest was put. */
  readonly loadBase: number;
  /** Xen's `xen_phys_start`: load base address − link base. */
  readonly physicalStart: number;
  /** Whether the loader knows relocation, so that tag 21 must be there. */
  readonly relocatingLoader: boolean;
  /** The boot loader name tag that the GRUB we built must give, e.g. `GRUB 2.06-loadbase.1a2b3c4d`. */
  readonly loaderName: string;
  /** The subject's command line as the loader passes it. */
  readonly arguments: string;
  readonly moduleCount: number;
  /** What each module holds, in the order handed over; absent: not known, so not compared. */
  readonly modules?: readonly Uint8Array[];
  /** How the expected last word begins; default: NO_DOM0 of console.ts. */
  readonly expectedEnd?: string;
}

/** A subject whose symbols are there, as every checkpoint after the entry needs. */
export type SymbolisedSubject = XenSubject & { readonly symbols: XenSymbols };
