/** A boot loader that does not load or enter an image as its program headers say; made in harness/grub/sabotages.ts. */
import type { Defect } from './defect.ts';

/** The probe in four segments, linked at other virtual than physical addresses. */
const HIGH = 'history-virtual-addresses~bios~base-0x03e00000~probe-segments-high-vaddr';

export const LOADING_DEFECTS: readonly Defect[] = [
  {
    name: 'bss-half-cleared',
    claim: "half of an image's BSS is what was in memory before: damage that shows in the field",
    history: '88f8d1463',
    make: { depth: 'grub', variant: 'sabotage-bss-half-cleared' },
    instances: [HIGH],
    expected: {
      verdicts: ['fail'],
      witness: 'layout at entry',
      reason: /layout at entry: the BSS, which must be zero, is changed at 0x[0-9a-f]{8}/,
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
  {
    name: 'retry-unmended',
    claim:
      'a second choice of memory forgets the alignment: GRUB 2.06 as it is, where a mended one is expected',
    history: '4127ea3a9',
    make: { depth: 'grub', variant: 'allocation-refused' },
    instances: ['history-retry-alignment~efi~from-1mib-0x200000-none~allocation-refused-mended'],
    expected: {
      verdicts: ['fail'],
      witness: 'placement',
      reason: /placement: GRUB chose 0x[0-9a-f]{8}, but .*no multiple of/,
    },
  },
  {
    name: 'relocator64-unmended',
    claim:
      'the way into 64-bit mode jumps through nothing: GRUB 2.06 as it is, where a mended one is expected',
    history: '968928240',
    make: { depth: 'grub', variant: 'no-relocation' },
    instances: ['history-64-bit-entry~bios~kfreebsd~relocator64-mended'],
    expected: {
      verdicts: ['crash'],
      reason: /triple fault|reset/,
      deaths: ['triple-fault', 'reset-or-triple-fault'],
    },
  },
];
