/** Every defect of our own making, in the order that tables show them. */
import type { Defect } from './defect.ts';
import { GRUB_DEFECTS } from './grub-defects.ts';
import { HAND_OVER_DEFECTS } from './hand-over-defects.ts';
import { HISTORY_DEFECTS } from './history-defects.ts';
import { LOADING_DEFECTS } from './loading-defects.ts';
import { MACHINE_DEFECTS } from './machine-defects.ts';
import { PLACEMENT_DEFECTS } from './placement-defects.ts';
import { RELOCATION_DEFECTS } from './relocation-defects.ts';

export const DEFECTS: readonly Defect[] = [
  ...RELOCATION_DEFECTS,
  ...HAND_OVER_DEFECTS,
  ...GRUB_DEFECTS,
  ...PLACEMENT_DEFECTS,
  ...LOADING_DEFECTS,
  ...MACHINE_DEFECTS,
  ...HISTORY_DEFECTS,
];
