/**
 * CLAIM: Xen, loaded by GRUB through Multiboot2 at any load base that its relocatable header tag and the firmware's
 * memory allow, runs its 32-bit early boot to `__start_xen` and on to its own console, using no address but those of
 * where it is. Without a dom0 it then panics, which is the end we want to see.
 *
 * A BROKEN XEN triple-faults without a word (page tables not relocated), hangs, or boots as if nothing were wrong while
 * it wrote to its link-time address; a broken GRUB puts it outside the window, or lies in tag 21.
 *
 * WHY THE TEST CAN TELL: the base is forced, and the console, the registers and memory at each checkpoint, and the boot
 * information must all name it.
 */
import { GIB, MIB } from '../harness/bits/align.ts';
import type { BaseChoice, Firmware, Instance } from '../harness/scenario/contract.ts';
import { makeInstance } from '../harness/scenario/instance-name.ts';
import type { Scenario } from '../harness/scenario/scenario.ts';
import { MISALIGNED_TEXT } from '../harness/xen/console.ts';

const name = 'xen-early-boot';
const at = (address: number): BaseChoice => ({ kind: 'at', address });

/** Classes of load bases that break code, each with the reason. */
const BASES: readonly BaseChoice[] = [
  { kind: 'any' }, // GRUB's own choice, as every user boots
  at(2 * MIB), // the link base: relocation by nothing
  at(4 * MIB), // low, overlapping the link-time range; under UEFI GRUB's staging buffer is in the way
  at(14 * MIB), // straddles 16 MiB
  at(16 * MIB), // the old ISA hole's end; firmware's own under OVMF
  at(62 * MIB), // straddles 64 MiB
  at(64 * MIB),
  at(GIB - 2 * MIB), // straddles 1 GiB: the next l2 table of the directmap
  at(2 * GIB - 2 * MIB), // straddles 2 GiB: the sign bit turns on inside the image
  at(2 * GIB), // the sign bit is set in every address
  { kind: 'highest' },
  { kind: 'firmware-owned' }, // a refusal, predicted from the memory map
  at(65 * MIB + 0x1000), // no multiple of 2 MiB: an early error text
];

function instance(firmware: Firmware, base: BaseChoice, more: Partial<Instance> = {}): Instance {
  return makeInstance({ scenario: name, subject: 'xen', firmware, base, ...more });
}

const scenario: Scenario = {
  name,
  claim:
    'Xen, loaded by GRUB at any base its relocatable header tag and the memory map allow, runs its early boot to ' +
    '__start_xen and its console using no address but those of where it is.',
  sweeps: true,
  given: () => ({ arguments: 'console=com1 loglvl=all', misalignedText: MISALIGNED_TEXT }),
  instances: () => [
    ...(['bios', 'efi'] as const).flatMap((firmware) => [
      ...BASES.map((base) => instance(firmware, base)),
      instance(firmware, at(62 * MIB), { medium: 'disk' }),
      instance(firmware, at(62 * MIB), { machine: 'pc' }),
      // Negative control: a GRUB without the feature puts Xen at its link base whatever was forced.
      instance(firmware, at(62 * MIB), { grubVariant: 'no-relocation' }),
    ]),
    // Multiboot 1 knows no relocation: the build-time base holds. (Under UEFI it has no way to hand over the memory map
    // and firmware tables that Xen needs, so there is nothing to boot.)
    instance('bios', { kind: 'none' }, { protocol: 'multiboot1' }),
  ],
};

export default scenario;
