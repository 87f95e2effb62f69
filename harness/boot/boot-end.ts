import type { MachineEnd } from './machine-end.ts';
import type { EndMeaning } from './subject-driver.ts';

/** Where it ended and in whose hands it was then. */
export type BootEnd =
  | { readonly kind: 'survey' }
  | { readonly kind: 'refused'; readonly errors: readonly string[] }
  | { readonly kind: 'loader'; readonly detail: string }
  | { readonly kind: 'subject'; readonly meaning: EndMeaning; readonly text: string }
  | { readonly kind: 'machine'; readonly end: MachineEnd }
  /** The console has no more to say: QEMU closed it and lives on, or the guest printed more than is looked at. */
  | { readonly kind: 'console'; readonly state: 'closed' | 'flooded'; readonly detail: string }
  | { readonly kind: 'timeout'; readonly awaited: string; readonly lastSeen: string | undefined };
