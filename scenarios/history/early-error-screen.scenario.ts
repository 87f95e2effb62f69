/**
 * CLAIM: an early error of a relocated Xen stands on the VGA screen as on the serial port, and nowhere else.
 *
 * A BROKEN XEN (before b1c16800e5, 4.18) reads its pointer to the screen through a register that it has added the text's
 * address to by then: it writes to wherever that points, or shows nothing.
 *
 * WHY THE TEST CAN TELL: a CPU without long mode makes Xen say `ERR: Not a 64-bit CPU!`; GRUB is not asked for a graphics
 * mode, so that the screen is text. Once the CPU has halted, screen and pointer are read from the machine; what else was
 * written shows in the layout at its end. (UEFI needs long mode itself.)
 */
import { MIB } from '../../harness/bits/align.ts';
import { makeInstance } from '../../harness/scenario/instance-name.ts';
import type { Scenario } from '../../harness/scenario/scenario.ts';
import { checkErrorScreen, VGA_TEXT } from '../../harness/xen/early-error-checks.ts';

const name = 'history-early-error-screen';
const TEXT = 'ERR: Not a 64-bit CPU!';

const scenario: Scenario = {
  name,
  claim:
    'An early error of a relocated Xen stands on screen and serial port, and no other memory is written.',
  history: {
    fixes: ['b1c16800e5'],
    witness: 'screen at its end',
    sabotages: ['error-screen-pointer-clobbered'],
  },
  expectation: (_instance, predicted) => ({
    ...('base' in predicted && predicted.base !== undefined ? { base: predicted.base } : {}),
    ...{ kind: 'early-error', text: TEXT },
  }),
  given: () => ({
    arguments: 'console=com1 loglvl=all',
    cpuFeatures: ['lm=off'],
    neutralised: ['framebuffer'],
    witnesses: {
      atEnd: (machine) => [
        {
          name: 'screen at its end',
          inspect: async () => {
            const vga = await machine.readDevice(VGA_TEXT, 2 * TEXT.length);
            const { general } = await machine.readMachineState();
            return checkErrorScreen(TEXT, { vga, edi: general['rdi'] ?? 0n });
          },
        },
      ],
    },
  }),
  instances: () => [
    makeInstance({
      ...{ scenario: name, subject: 'xen', firmware: 'bios' },
      base: { kind: 'at', address: 62 * MIB },
    }),
  ],
};

export default scenario;
