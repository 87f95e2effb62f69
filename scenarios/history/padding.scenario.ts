/**
 * CLAIM: the memory between Xen's end and the next 2 MiB boundary, which Xen maps as its own, is RAM.
 *
 * A BROKEN XEN (before 4fb075201f, 4.21) says an end in its file that is none of 2 MiB, so that a loader may put it right
 * below memory of the firmware's or a hole, and maps that cacheable with its last page. Debian's 4.17 does: told as a known
 * defect.
 *
 * WHY THE TEST CAN TELL: Xen is put at the highest base that the firmware's memory map has room for. (UEFI keeps the end of
 * RAM for itself, and leaves nothing but RAM within 2 MiB of the highest base at this size.)
 */
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';
import { checkPadding } from '../../harness/xen/layout-checks.ts';

const name = 'history-padding';
const WITNESS = 'padding at entry';

const scenario: Scenario = {
  name,
  claim: 'Xen’s image, padded to 2 MiB as Xen maps it, lies in RAM at the highest base, too.',
  history: { fixes: ['4fb075201f'], witness: WITNESS, sabotages: ['claims-4.21'] },
  given: () => ({
    arguments: 'console=com1 loglvl=all',
    witnesses: {
      at: (stop, _guest, subject, { memoryMap = [] }) =>
        stop === 'entry'
          ? [{ name: WITNESS, inspect: async () => checkPadding(subject, { regions: memoryMap }) }]
          : [],
    },
    knownDefect: {
      of: 'Xen',
      fix: '4fb075201f',
      mendedIn: '4.21',
      witness: WITNESS,
      text: /^Xen's padding to 2 MiB covers 0x[0-9a-f]+–0x[0-9a-f]+, which is no free RAM$/,
    },
  }),
  instances: () => [
    makeInstance({
      ...{ scenario: name, subject: 'xen', firmware: 'bios' },
      ...{ base: { kind: 'highest' }, memoryMib: 512 },
    }),
  ],
};

export default scenario;
