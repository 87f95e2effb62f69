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
import { noiseModule } from '../harness/image/noise-module.ts';
import type { BaseChoice } from '../harness/scenario/contract.ts';
import { makeInstance } from '../harness/scenario/instance-name.ts';
import type { Scenario } from '../harness/scenario/scenario.ts';
import { DOM0_NOT_BUILT, MISALIGNED_TEXT } from '../harness/xen/console.ts';

const name = 'xen-modules';
const PAGE = 4096;

/** Sizes that rounding gets wrong: one byte over and under a page's multiple, one byte, and one that needs room. */
const SIZES = [3 * PAGE + 1, 2 * PAGE - 1, 1, 8 * MIB, PAGE, 5 * PAGE + 1];

const BASES: readonly BaseChoice[] = [
  { kind: 'any' },
  { kind: 'at', address: 2 * MIB }, // at the link base: low, where GRUB likes to put modules
  { kind: 'at', address: 62 * MIB },
];

const MODULES = SIZES.map((size, seed) => noiseModule(size, seed));

const scenario: Scenario = {
  name,
  claim:
    'Modules of awkward sizes reach Xen page aligned, apart from everything else in memory, and unchanged up to ' +
    '__start_xen.',
  sweeps: true,
  given: () => ({
    arguments: 'console=com1 loglvl=all',
    modules: MODULES,
    expectedEnd: DOM0_NOT_BUILT,
    misalignedText: MISALIGNED_TEXT,
  }),
  instances: () =>
    (['bios', 'efi'] as const).flatMap((firmware) =>
      BASES.map((base) => makeInstance({ scenario: name, subject: 'xen', firmware, base })),
    ),
};

export default scenario;
