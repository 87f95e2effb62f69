/**
 * CLAIM: a Xen that GRUB has moved knows that it lies among what it places: modules that it moves and the crash kernel's
 * area come to lie neither over it nor over each other, and no module is changed.
 *
 * A BROKEN XEN (before 9589927e5b, 4.11) took the place that it would have moved itself to for its own, and gave away the
 * one that GRUB had put it to.
 *
 * WHY THE TEST CAN TELL: at GRUB's own choice, high in little memory, is where Xen puts things first. When it has made its
 * last reservation its own lists are read from the stopped machine, and each module is compared byte for byte.
 */
import { MIB } from '../../harness/bits/align.ts';
import { noiseModule } from '../../harness/image/noise-module.ts';
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';
import { DOM0_NOT_BUILT } from '../../harness/xen/console.ts';
import { checkCrashArea } from '../../harness/xen/reserved-memory.ts';

const name = 'history-modules-placed';
const STOP = 'memory reserved';
const CRASH_KERNEL_MIB = 64;
/** The first is moved and gets room before it; the second is large enough to meet Xen. */
const MODULES = [12_289, 8 * MIB].map((size, seed) => noiseModule(size, seed));

const scenario: Scenario = {
  name,
  claim: 'Modules and the crash kernel’s area are placed apart from a Xen that GRUB has moved.',
  history: {
    fixes: ['9589927e5b'],
    witness: `layout at ${STOP}`,
    sabotages: [
      ...['module-not-copied', 'crash-area-over-modules'],
      ...['relocated-xen-forgotten', 'module-over-image'],
    ],
  },
  given: () => ({
    arguments: `console=com1 loglvl=all crashkernel=${CRASH_KERNEL_MIB}M`,
    modules: MODULES,
    expectedEnd: DOM0_NOT_BUILT,
    witnesses: {
      at: (stop, guest, { symbols, ...subject }) =>
        stop === STOP && symbols
          ? [
              {
                name: `crash kernel area at ${STOP}`,
                inspect: () => checkCrashArea(guest, { ...subject, symbols }, CRASH_KERNEL_MIB * MIB),
              },
            ]
          : [],
    },
  }),
  instances: () =>
    (['bios', 'efi'] as const).map((firmware) =>
      makeInstance({
        ...{ scenario: name, subject: 'xen', firmware },
        ...{ base: { kind: 'any' }, memoryMib: 512 },
      }),
    ),
};

export default scenario;
