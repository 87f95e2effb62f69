/**
 * CLAIM: at a base that is no multiple of 2 MiB Xen says exactly `ERR: Xen must be loaded at a 2Mb boundary!`, once, and
 * halts.
 *
 * A BROKEN XEN (before 0946068e7f, 4.18) relocates its page tables of 2 MiB pages by such a base all the same: reserved
 * bits are set, or other memory is mapped than it lies in, and it triple-faults in silence.
 *
 * WHY THE TEST CAN TELL: the header tag's alignment is forced down with the base, so that GRUB loads it there; the text is
 * compared as a whole, and what is written before it, too. (Scenario xen-early-boot asks the same under UEFI.)
 */
import { MIB } from '../../harness/bits/align.ts';
import type { Instance } from '../../harness/scenario/contract.ts';
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';
import { MISALIGNED_TEXT } from '../../harness/xen/console.ts';

const name = 'history-misaligned-base';

function instance(address: number): Instance {
  return makeInstance({ scenario: name, subject: 'xen', firmware: 'bios', base: { kind: 'at', address } });
}

const scenario: Scenario = {
  name,
  claim: 'Loaded at a base that is no multiple of 2 MiB, Xen says so, and that is all it does.',
  history: {
    fixes: ['0946068e7f'],
    witness: 'early error',
    sabotages: ['alignment-check-removed', 'early-error-altered'],
  },
  given: () => ({ arguments: 'console=com1 loglvl=all', misalignedText: MISALIGNED_TEXT }),
  instances: () => [
    instance(62 * MIB + 0x1000), // a page off
    instance(63 * MIB), // half a superpage off: no reserved bit of a page directory entry tells
  ],
};

export default scenario;
