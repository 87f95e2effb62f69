/**
 * CLAIM: GRUB obeys the relocatable header tag: it puts an image where minimum, maximum, alignment and preference allow
 * and memory is free, the lowest or highest such place where it is asked for one, or refuses where there is none; it
 * enters it in the state that Multiboot2 and UEFI demand, with boot information that is true.
 *
 * A BROKEN GRUB rounds the wrong way, wraps at 4 GiB, forgets the alignment in a second attempt (4127ea3a9), takes
 * memory that the firmware keeps, or lies in a tag. No operating system notices until one day it is moved.
 *
 * WHY THE TEST CAN TELL: the base that must come, or the refusal, is computed from the specification and from the memory
 * map that the very same boot prints; and the image is a specimen of ours that reports everything it was handed, which
 * the harness compares with its own look at the stopped machine.
 */
import { windowCases } from '../harness/grub/window-cases.ts';
import type { Firmware, Instance } from '../harness/scenario/contract.ts';
import { makeInstance } from '../harness/scenario/instance-name.ts';
import type { Scenario } from '../harness/scenario/scenario.ts';
import type { ProbeVariant } from '../harness/specimen/probe-variants.ts';

const name = 'grub-relocatable';

/** Images that are laid out, or ask, otherwise than the plain probe. */
const VARIANTS: readonly ProbeVariant[] = [
  'probe-segments',
  'probe-high-vaddr',
  'probe-large-bss',
  'probe-no-boot-services', // under UEFI entered in 32-bit mode, with memory maps
  'probe-fixed', // no relocatable header tag: it stays at its link base
];

function instances(firmware: Firmware): Instance[] {
  return [
    ...windowCases(firmware).map((one) =>
      makeInstance({
        ...{ scenario: name, subject: 'probe', firmware },
        base: { kind: 'window', name: one.name },
      }),
    ),
    ...VARIANTS.map((subject) => makeInstance({ scenario: name, subject, firmware, base: { kind: 'any' } })),
  ];
}

const scenario: Scenario = {
  name,
  claim:
    'GRUB puts a relocatable image where its header tag and the memory map allow, where it is asked to be put, or ' +
    'refuses rightly; enters it as Multiboot2 and UEFI demand; and tells it the truth.',
  given: () => ({ arguments: 'probe of the relocatable header tag' }),
  instances: () => (['bios', 'efi'] as const).flatMap(instances),
};

export default scenario;
