/**
 * CLAIM: GRUB started by a BIOS reaches the entry of a 64-bit image (GRUB 968928240, 2.12). Multiboot2 never enters in
 * 64-bit mode there; of GRUB's loaders only `kfreebsd` does, so the specimen is loaded by that.
 *
 * A BROKEN GRUB jumps through a pointer that it reads four bytes too early: a triple fault without a word.
 *
 * WHY THE TEST CAN TELL: the specimen says one line in 64-bit mode and in no other, and a breakpoint stands at its entry.
 * GRUB 2.06 has the defect, so it is booted twice: as it is, and mended by one transform.
 */
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';

const name = 'history-64-bit-entry';

const scenario: Scenario = {
  name,
  claim: 'GRUB started by a BIOS reaches the entry of a 64-bit image.',
  given: ({ grubVariant }) => ({
    arguments: '',
    ...(grubVariant === 'standard'
      ? {
          knownDefect: {
            ...{ of: 'GRUB', fix: '968928240', mendedIn: '2.12', witness: 'end' },
            text: /triple fault|reset or triple-faulted/,
          },
        }
      : {}),
  }),
  instances: () =>
    (['standard', 'relocator64-mended'] as const).map((grubVariant) =>
      makeInstance({
        ...{ scenario: name, subject: 'bios-64bit-entry', firmware: 'bios', base: { kind: 'none' } },
        ...{ protocol: 'kfreebsd', grubVariant },
      }),
    ),
  // The unmended GRUB is the defect; a newer version's excuse is none.
  history: { fixes: ['968928240'], witness: 'end', sabotages: ['relocator64-unmended'] },
};

export default scenario;
