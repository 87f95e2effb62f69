/**
 * CLAIM: where the firmware refuses the memory that GRUB asks for first, the base that GRUB takes instead still obeys the
 * alignment of the relocatable header tag (GRUB 4127ea3a9, 2.12).
 *
 * A BROKEN GRUB takes the edge of the next free range as it is: Xen, of old, died without a word.
 *
 * WHY THE TEST CAN TELL: no firmware here refuses memory that its own map calls free, so a GRUB is built that counts the
 * first large allocation as refused; the placement is then judged like any other. GRUB 2.06 has the defect; the same
 * GRUB with the retry mended has not.
 */
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';

const name = 'history-retry-alignment';

const scenario: Scenario = {
  name,
  claim: 'A base that GRUB takes because the first was refused still obeys the alignment.',
  given: ({ grubVariant }) => ({
    arguments: 'the second choice',
    ...(grubVariant === 'allocation-refused'
      ? {
          knownDefect: {
            ...{ of: 'GRUB', fix: '4127ea3a9', mendedIn: '2.12', witness: 'placement' },
            text: /^GRUB chose 0x[0-9a-f]{8}, but .*no multiple of/,
          },
        }
      : {}),
  }),
  instances: () =>
    (['allocation-refused', 'allocation-refused-mended'] as const).map((grubVariant) =>
      makeInstance({
        ...{ scenario: name, subject: 'probe', firmware: 'efi', grubVariant },
        base: { kind: 'window', name: 'from-1mib-0x200000-none' },
      }),
    ),
  history: { fixes: ['4127ea3a9'], witness: 'placement', sabotages: ['retry-unmended'] },
};

export default scenario;
