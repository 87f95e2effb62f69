/**
 * CLAIM: GRUB puts the boot information at 0x1000 or above, never into the first page (GRUB 0f3f5b7c1, 2.06).
 *
 * A BROKEN GRUB takes the lowest free memory, which is address 0: real-mode vectors and BIOS data overwrite it, and a
 * kernel that takes a null pointer for “no boot information” goes without.
 *
 * WHY THE TEST CAN TELL: the probe's entry gives the address in EBX, and the record what stands there. That a free piece
 * at address 0 is the lowest was not provoked on this BIOS; the promise is checked on each boot.
 */
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';

const name = 'history-information-place';

const scenario: Scenario = {
  name,
  claim: 'GRUB puts the boot information at 0x1000 or above.',
  given: () => ({ arguments: 'where is the boot information' }),
  instances: () => [
    makeInstance({ scenario: name, subject: 'probe', firmware: 'bios', base: { kind: 'any' } }),
  ],
  history: { fixes: ['0f3f5b7c1'], witness: 'entry', sabotages: ['information-in-first-page'] },
};

export default scenario;
