/**
 * CLAIM: an early error under UEFI is said once, whole, on the serial port, and nothing is written to a screen that is not
 * there.
 *
 * A BROKEN XEN (before 78e693cc12, 4.10) has no VGA to write to there, and sends the text's first character for ever.
 *
 * WHY THE TEST CAN TELL: without its header tag for EFI boot services GRUB ends them, which Xen does not accept: it says
 * `ERR: Bootloader shutdown EFI x64 boot services!`. The serial port is bounded in size and rate, so that a text without
 * an end is an end with a name.
 */
import { MIB } from '../../harness/bits/align.ts';
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';
import { checkNoScreen } from '../../harness/xen/early-error-checks.ts';

const name = 'history-early-error-efi';

const scenario: Scenario = {
  name,
  claim: 'An early error under UEFI, where there is no VGA, is said once and ends.',
  history: {
    fixes: ['78e693cc12'],
    witness: 'end',
    sabotages: ['error-without-screen-endless'],
  },
  expectation: (_instance, predicted) => ({
    ...('base' in predicted && predicted.base !== undefined ? { base: predicted.base } : {}),
    ...{ kind: 'early-error', text: 'ERR: Bootloader shutdown EFI x64 boot services!' },
  }),
  given: () => ({
    arguments: 'console=com1 loglvl=all',
    neutralised: ['efiBootServices'],
    witnesses: {
      atEnd: (machine) => [
        {
          name: 'screen at its end',
          inspect: async () => checkNoScreen((await machine.readMachineState()).general['rdi'] ?? -1n),
        },
      ],
    },
  }),
  instances: () => [
    makeInstance({
      ...{ scenario: name, subject: 'xen', firmware: 'efi' },
      base: { kind: 'at', address: 62 * MIB },
    }),
  ],
};

export default scenario;
