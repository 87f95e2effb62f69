/** Every scenario, in the order that `loadbase list` shows them. */
import type { Scenario } from '../harness/scenario/scenario.ts';
import grubRelocatable from './grub-relocatable.scenario.ts';
import entry64Bit from './history/64-bit-entry.scenario.ts';
import efiStack from './history/efi-stack.scenario.ts';
import informationPlace from './history/information-place.scenario.ts';
import retryAlignment from './history/retry-alignment.scenario.ts';
import staleMaps from './history/stale-maps.scenario.ts';
import virtualAddresses from './history/virtual-addresses.scenario.ts';
import windowArithmetic from './history/window-arithmetic.scenario.ts';
import { XEN_HISTORY } from './history/xen.ts';
import xenEarlyBoot from './xen-early-boot.scenario.ts';
import xenModules from './xen-modules.scenario.ts';

export const SCENARIOS: readonly Scenario[] = [
  xenEarlyBoot,
  xenModules,
  grubRelocatable,
  // In the order of docs/history.md.
  ...XEN_HISTORY,
  retryAlignment,
  informationPlace,
  efiStack,
  staleMaps,
  windowArithmetic,
  entry64Bit,
  virtualAddresses,
];
