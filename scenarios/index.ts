/** Every scenario, in the order that `loadbase list` shows them. */
import type { Scenario } from '../harness/scenario/scenario.ts';
import grubRelocatable from './grub-relocatable.scenario.ts';
import { XEN_HISTORY } from './history/xen.ts';
import xenEarlyBoot from './xen-early-boot.scenario.ts';
import xenModules from './xen-modules.scenario.ts';

export const SCENARIOS: readonly Scenario[] = [xenEarlyBoot, xenModules, grubRelocatable, ...XEN_HISTORY];
