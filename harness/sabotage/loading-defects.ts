/** A boot loader that does not load or enter an image as its program headers say; made in harness/grub/sabotages.ts. */
import type { Defect } from './defect.ts';

/** The probe in four segments, linked at other virtual than physical addresses. */
const HIGH = 'history-virtual-addresses~bios~base-0x03e00000';

export const LOADING_DEFECTS: readonly Defect[] = [
  {
    name: 'bss-half-cleared',
    claim: "half of an image's BSS is what was in memory before: damage that shows in the field",
    history: '88f8d1463',
    make: { depth: 'grub', variant: 'sabotage-bss-half-cleared' },
    instances: [HIGH],
    expected: {
      verdicts: ['fail'],
      witness: 'record',
      reason: /record: segment 3: \d+ of \d+ bytes of BSS are not zero/,
    },
  },
  {
    name: 'bss-over-cleared',
    claim: 'what follows the BSS is cleared with it: the next segment, if it was loaded before',
    history: '88f8d1463',
    make: { depth: 'grub', variant: 'sabotage-bss-over-cleared' },
    instances: [HIGH],
    expected: {
      verdicts: ['fail'],
      witness: 'layout at entry',
      reason: /layout at entry: the image is changed at 0x[0-9a-f]{8}/,
    },
  },
  {
    name: 'entry-virtual',
    claim: 'the image is entered at its virtual entry address, where nothing is',
    history: '88f8d1463',
    make: { depth: 'grub', variant: 'sabotage-entry-virtual' },
    instances: [HIGH],
    expected: { verdicts: ['crash'], reason: /triple|reset|hang|loop|hlt/ },
  },
];
