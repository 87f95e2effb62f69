/**
 * CLAIM: a Xen that no loader has moved (Multiboot 1) moves itself to memory past its own image, or says that there is not
 * enough; it is never silent.
 *
 * A BROKEN XEN (before 0d31d16808, 4.11) copies itself over itself where little memory lies above it, and resets.
 *
 * WHY THE TEST CAN TELL: Xen names its new place, which must be past the end of the image that it copies; a module makes it
 * look for one at all. The sizes leave far too little, just too little, and
 * enough.
 */
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import { noiseModule } from '../../harness/image/noise-module.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';
import { DOM0_NOT_BUILT } from '../../harness/xen/console.ts';
import { checkSelfMove, NO_ROOM_TO_MOVE } from '../../harness/xen/self-move.ts';

const name = 'history-little-memory';
const MODULES = [noiseModule(12_289, 0)];
/** Up to here a second image of 4 MiB has no room past the first. */
const TOO_LITTLE_MIB = 10;
const SIZES_MIB = [8, TOO_LITTLE_MIB, 16];

const scenario: Scenario = {
  name,
  claim: 'With little memory Xen moves itself past its own image, or says that there is not enough.',
  history: {
    fixes: ['0d31d16808'],
    witness: 'end',
    sabotages: ['self-move-unchecked'],
  },
  given: ({ memoryMib }) => ({
    arguments: 'console=com1 loglvl=all',
    modules: MODULES,
    expectedEnd: memoryMib <= TOO_LITTLE_MIB ? NO_ROOM_TO_MOVE : DOM0_NOT_BUILT,
    witnesses: {
      atEnd: ({ lines }, { image, loadBase }) => [
        {
          name: 'own move at its end',
          inspect: async () => {
            const source = { start: loadBase, end: loadBase + image.loaded.loadSize };
            return checkSelfMove(lines, source, image.loaded.linkBase);
          },
        },
      ],
    },
  }),
  instances: () =>
    SIZES_MIB.map((memoryMib) =>
      makeInstance({
        ...{ scenario: name, subject: 'xen', firmware: 'bios' },
        ...{ base: { kind: 'none' }, protocol: 'multiboot1', memoryMib },
      }),
    ),
};

export default scenario;
