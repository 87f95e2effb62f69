/**
 * CLAIM: GRUB enters the EFI amd64 entry with a stack pointer that is a multiple of 16 (GRUB 4e5414b2a, 2.02).
 *
 * A BROKEN GRUB enters with whatever it had: calls into the firmware fault, or do not, as its compiler liked.
 *
 * WHY THE TEST CAN TELL: the stub reads RSP at the probe's first instruction, and the probe's own record says the same.
 */
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';

const name = 'history-efi-stack';

const scenario: Scenario = {
  name,
  claim: 'GRUB enters the EFI amd64 entry with a stack pointer that is a multiple of 16.',
  given: () => ({ arguments: 'how is the stack' }),
  instances: () => [
    makeInstance({ scenario: name, subject: 'probe', firmware: 'efi', base: { kind: 'any' } }),
  ],
  history: { fixes: ['4e5414b2a'], witness: 'entry', sabotages: ['efi-stack-misaligned'] },
};

export default scenario;
