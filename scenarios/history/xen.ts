/** The rows of docs/history.md that are Xen's, in their order. */
import type { Scenario } from '../../harness/scenario/scenario.ts';
import baseFromCode from './base-from-code.scenario.ts';
import earlyErrorEfi from './early-error-efi.scenario.ts';
import earlyErrorScreen from './early-error-screen.scenario.ts';
import ebda from './ebda.scenario.ts';
import littleMemory from './little-memory.scenario.ts';
import lowWord from './low-word.scenario.ts';
import misalignedBase from './misaligned-base.scenario.ts';
import modulesPlaced from './modules-placed.scenario.ts';
import padding from './padding.scenario.ts';

export const XEN_HISTORY: readonly Scenario[] = [
  baseFromCode,
  misalignedBase,
  earlyErrorScreen,
  earlyErrorEfi,
  lowWord,
  padding,
  modulesPlaced,
  ebda,
  littleMemory,
];
