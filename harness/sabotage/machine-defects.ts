/** Machines that cannot boot Xen: how it ends must have a name, and never be silence. */
import type { Defect } from './defect.ts';
import { BIOS, EFI } from './instances.ts';

/** A timeout that only says what was waited for names nothing. */
const NOT_SILENCE = /^(?!no end was seen in time)/;

export const MACHINE_DEFECTS: readonly Defect[] = [
  {
    name: 'no-long-mode',
    claim: 'a CPU without long mode gets exactly Xen’s own text, from a relocated image too',
    history: 'b1c16800e5',
    make: { depth: 'machine', change: { cpuFeatures: ['lm=off'] } },
    instances: [BIOS],
    expected: {
      verdicts: ['fail'],
      reason: /^the subject said “ERR: Not a 64-bit CPU!”/,
      deaths: ['early-error'],
    },
  },
  {
    name: 'memory-ends-below-base',
    claim: 'the machine has less memory than the load base: GRUB refuses, and says why',
    make: { depth: 'machine', change: { memoryMib: 32 } },
    instances: [BIOS],
    expected: {
      verdicts: ['fail'],
      reason: /^GRUB refused: couldn't find suitable memory target/,
      deaths: ['loader-error'],
    },
  },
  {
    name: 'memory-too-small-for-loader',
    claim: 'the boot loader itself has not enough memory',
    make: { depth: 'machine', change: { memoryMib: 2 } },
    instances: [BIOS],
    expected: { verdicts: ['fail', 'crash'], reason: NOT_SILENCE },
  },
  {
    name: 'memory-too-small-for-firmware',
    claim: 'UEFI firmware has not enough memory to start',
    make: { depth: 'machine', change: { memoryMib: 16 } },
    instances: [EFI],
    expected: { verdicts: ['fail', 'crash'], reason: NOT_SILENCE },
  },
];
