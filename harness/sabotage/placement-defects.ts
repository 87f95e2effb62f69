/**
 * A boot loader that places an image where the relocatable header tag does not allow it, or not where it asks for; how
 * each is made stands in harness/grub/placement-sabotages.ts. Instances are cases of harness/grub/window-cases.ts.
 */
import type { Firmware } from '../grub/firmware-kind.ts';
import type { Defect, ExpectedEnd } from './defect.ts';

const on = (firmware: Firmware, window: string): string => `grub-relocatable~${firmware}~${window}`;

/** Nothing else is wrong with the image: where no firmware's memory is hit it boots all the same. */
const misplaced = (text: string): ExpectedEnd => ({
  verdicts: ['fail', 'crash'],
  witness: 'placement',
  reason: new RegExp(text),
});

const BASE = '0x[0-9a-f]{8}';

export const PLACEMENT_DEFECTS: readonly Defect[] = [
  {
    name: 'preference-swapped',
    claim: 'an image that asks for the lowest base gets the highest, and the other way round',
    history: 'eba6db632',
    make: { depth: 'grub', variant: 'sabotage-preference-swapped' },
    instances: [
      on('bios', 'middle-0x1000-low'),
      on('bios', 'middle-0x1000-high'),
      on('efi', 'middle-0x1000-low'),
      on('efi', 'middle-0x1000-high'),
    ],
    expected: misplaced(
      `placement: GRUB chose ${BASE}, which is allowed, but the image asks for the (low|high)est one: expected is ${BASE}`,
    ),
  },
  {
    name: 'preference-ignored',
    claim: 'an image that asks for the highest base gets the lowest',
    history: 'eba6db632',
    make: { depth: 'grub', variant: 'sabotage-preference-ignored' },
    instances: [on('bios', 'middle-0x200000-high'), on('efi', 'middle-0x200000-high')],
    expected: misplaced(
      'placement: GRUB chose 0x02000000, which is allowed, but the image asks for the highest one: expected is 0x03e00000',
    ),
  },
  {
    name: 'minimum-one-less',
    claim: "an image lands one byte below its window's lowest address",
    history: 'eba6db632',
    make: { depth: 'grub', variant: 'sabotage-minimum-one-less' },
    instances: [on('bios', 'odd-ends-0x1-low'), on('efi', 'exact-odd-0x1-none')],
    expected: misplaced(
      `placement: GRUB chose (${BASE}), but \\1 is below the window's lowest address ${BASE}`,
    ),
  },
  {
    name: 'maximum-as-last-start',
    claim: "an image begins at its window's highest address and ends far above it",
    history: '61ff5602f',
    make: { depth: 'grub', variant: 'sabotage-maximum-as-last-start' },
    instances: [
      on('bios', 'middle-0x1000-high'),
      on('bios', 'two-images-0x1000-high'),
      on('efi', 'middle-0x1000-high'),
    ],
    expected: misplaced(
      `placement: GRUB chose (${BASE}), but an image at \\1 ends at ${BASE}, above the window's highest address ${BASE}`,
    ),
  },
  {
    name: 'size-a-page-more',
    claim: 'a window that is exactly as large as the image is refused',
    history: '61ff5602f',
    make: { depth: 'grub', variant: 'sabotage-size-a-page-more' },
    instances: [
      'history-window-arithmetic~bios~exact-0x1000-none',
      on('bios', 'exact-0x1000-low'),
      on('efi', 'exact-0x1000-high'),
    ],
    expected: misplaced(
      'GRUB refused \\(“invalid min/max address and/or load size”\\) without reason: expected is 0x02000000',
    ),
  },
  {
    name: 'window-check-gone',
    claim:
      'a window that is smaller than the image is not refused: the subtraction wraps, and there is no maximum',
    history: '61ff5602f',
    make: { depth: 'grub', variant: 'sabotage-window-check-gone' },
    instances: [
      'history-window-arithmetic~bios~smaller-than-image-0x1000-none',
      on('bios', 'smaller-than-image-0x1000-none'),
      on('efi', 'smaller-than-image-0x1000-none'),
    ],
    expected: misplaced(
      `GRUB chose ${BASE}, but must refuse: 0x[0-9a-f]+ bytes from 0x00000000 end at ${BASE}, above ${BASE}`,
    ),
  },
  {
    name: 'firmware-memory-taken',
    claim: 'an image is moved to memory that the firmware keeps',
    make: { depth: 'grub', variant: 'sabotage-firmware-memory-taken' },
    instances: [on('bios', 'firmware-owned-0x1000-high'), on('efi', 'firmware-owned-0x1000-none')],
    expected: misplaced(
      `GRUB chose ${BASE}, but must refuse: nowhere from .* would cover .* which the firmware keeps`,
    ),
  },
];
