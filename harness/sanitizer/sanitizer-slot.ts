/** Where decoded code finds the sanitizer of the run. */
import type { Sanitizer } from './sanitizer.ts';

/** Code is decoded once for many runs; each has a sanitizer of its own. */
export interface SanitizerSlot {
  current: Sanitizer | undefined;
}
