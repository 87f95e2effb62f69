import type { Phase } from '../serial/landmark.ts';
import type { FirmwareException } from './firmware-exception.ts';
import type { MachineEnd } from './machine-end.ts';
import type { Stillness } from './stillness.ts';

/** How the subject's own console text ends the boot. */
export type EndMeaning = 'expected' | 'early-error' | 'panic';

/** Where it ended and in whose hands it was then. */
export type BootEnd =
  | { readonly kind: 'survey' }
  | { readonly kind: 'refused'; readonly errors: readonly string[] }
  | { readonly kind: 'loader'; readonly detail: string; readonly state?: 'prompt' }
  | { readonly kind: 'subject'; readonly meaning: EndMeaning; readonly text: string }
  | { readonly kind: 'machine'; readonly end: MachineEnd }
  /** The CPU stands still and will not wake. */
  | { readonly kind: 'still'; readonly phase: Phase; readonly stillness: Stillness }
  | { readonly kind: 'exception'; readonly exception: FirmwareException }
  /** The console has no more to say: QEMU closed it and lives on, or the guest printed more than is looked at. */
  | { readonly kind: 'console'; readonly state: 'closed' | 'flooded'; readonly detail: string }
  | {
      readonly kind: 'timeout';
      readonly awaited: string;
      readonly lastSeen: string | undefined;
      /** In whose hands it was when its time, or that of the phase, was up. */
      readonly phase: Phase;
    };
