/**
 * CLAIM: GRUB hands Xen modules of whatever size, each page aligned as Xen's module alignment header tag asks, none
 * over another, over Xen, its boot information or what the firmware keeps; and neither the move of Xen nor its early
 * boot changes a byte of them. The first is no kernel, which Xen says, and that is the end we want to see.
 *
 * A BROKEN LOADER puts a module where the relocated image goes, or rounds its end; a broken Xen writes its trampoline,
 * tables or time stamp into one (Xen 9589927e5b). Neither need say a word.
 *
 * WHY THE TEST CAN TELL: each module is noise that only we know, compared byte for byte when Xen is entered and again
 * at `__start_xen`, and the interval map shows each in a place of its own.
 */
import { MIB } from '../harness/bits/align.ts';
import type { BaseChoice, Firmware, Instance } from '../harness/scenario/contract.ts';
import { DEFAULT_MEMORY_MIB, instanceName } from '../harness/scenario/instance-name.ts';
import { noiseModule, type Scenario } from '../harness/scenario/scenario.ts';

const name = 'xen-modules';
const PAGE = 4096;

/** Sizes that rounding gets wrong: one byte over and under a page's multiple, one byte, and one that needs room. */
const SIZES = [3 * PAGE + 1, 2 * PAGE - 1, 1, 8 * MIB, PAGE, 5 * PAGE + 1];

const BASES: readonly BaseChoice[] = [
  { kind: 'any' },
  { kind: 'at', address: 2 * MIB }, // at the link base: low, where GRUB likes to put modules
  { kind: 'at', address: 62 * MIB },
];

function instance(firmware: Firmware, base: BaseChoice): Instance {
  const whole = {
    scenario: name,
    firmware,
    machine: 'q35',
    medium: 'iso',
    protocol: 'multiboot2',
    grubVariant: 'standard',
    base,
    memoryMib: DEFAULT_MEMORY_MIB,
  } as const;
  return { ...whole, name: instanceName(whole) };
}

const scenario: Scenario = {
  name,
  claim:
    'Modules of awkward sizes reach Xen page aligned, apart from everything else in memory, and unchanged up to ' +
    '__start_xen.',
  arguments: 'console=com1 loglvl=all',
  modules: SIZES.map((size, seed) => noiseModule(size, seed)),
  expectedEnd: 'Could not construct domain 0',
  misalignedText: 'ERR: Xen must be loaded at a 2Mb boundary!',
  instances: () =>
    (['bios', 'efi'] as const).flatMap((firmware) => BASES.map((base) => instance(firmware, base))),
};

export default scenario;
