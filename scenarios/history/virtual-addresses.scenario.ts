/**
 * CLAIM: an image whose virtual addresses are not its physical ones is entered at its entry's physical address, its BSS
 * zero and what follows its BSS intact (GRUB 88f8d1463, 2.02).
 *
 * A BROKEN GRUB looks for the entry among physical addresses, or clears more or less than the BSS.
 *
 * WHY THE TEST CAN TELL: the memory that the image will go to is full of 0xa5 before the machine starts, the segment
 * that begins on the byte after the BSS is loaded before the BSS is cleared, and both the stub and the probe's own
 * record compare every byte.
 */
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';

const name = 'history-virtual-addresses';

const scenario: Scenario = {
  name,
  claim:
    'An image with vaddr ≠ paddr is entered at its physical entry, its BSS zero and the bytes after it intact.',
  given: () => ({ arguments: 'virtual and physical' }),
  instances: () =>
    (['bios', 'efi'] as const).map((firmware) =>
      makeInstance({
        ...{ scenario: name, subject: 'probe-segments-high-vaddr', firmware },
        base: { kind: 'at', address: 0x3e0_0000 },
      }),
    ),
  history: {
    fixes: ['88f8d1463'],
    witness: 'layout at entry',
    sabotages: ['bss-half-cleared', 'bss-over-cleared', 'entry-virtual'],
  },
};

export default scenario;
