/** A boot loader that breaks the Multiboot2 Specification; how each is made stands in harness/grub/sabotages.ts. */
import type { Defect, ExpectedEnd } from './defect.ts';
import { BIOS, BIOS_ANY, EFI, EFI_ANY, BIOS_MODULES, EFI_MODULES } from './instances.ts';

/** The entry complains whatever follows: Xen may boot all the same. */
const atEntry = (reason: RegExp): ExpectedEnd => ({ verdicts: ['fail', 'crash'], witness: 'entry', reason });

export const GRUB_DEFECTS: readonly Defect[] = [
  {
    name: 'tag-21-lies',
    claim: 'tag 21 says a load base that is 2 MiB too high: who believes it relocates itself wrongly',
    history: '1695e53851',
    make: { depth: 'grub', variant: 'tag-21-lies' },
    instances: [BIOS, EFI],
    expected: atEntry(/entry: tag 21 \(load base address\) is 0x4000000, not 0x3e00000/),
  },
  {
    name: 'tag-21-absent',
    claim: 'tag 21 is absent: an image that relies on it takes itself to be at its link base',
    history: '1695e53851',
    make: { depth: 'grub', variant: 'tag-21-absent' },
    instances: [BIOS, EFI],
    expected: atEntry(/entry: tag 21 \(load base address\) is absent, not 0x3e00000/),
  },
  {
    name: 'alignment-forgotten',
    claim: "the relocatable header tag's alignment is not obeyed",
    history: '4127ea3a9',
    make: { depth: 'grub', variant: 'sabotage-alignment-forgotten' },
    instances: [BIOS_ANY, EFI_ANY],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'placement',
      reason: /placement: GRUB chose .* but 0x[0-9a-f]{8} is no multiple of the alignment 0x200000/,
    },
  },
  {
    name: 'window-ignored',
    claim: "the relocatable header tag's lowest and highest address are not obeyed",
    history: 'eba6db632',
    make: { depth: 'grub', variant: 'sabotage-window-ignored' },
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'loader',
      reason: /loader: GRUB loaded the image at 0x[0-9a-f]{8}, not at 0x03e00000/,
    },
  },
  {
    name: 'information-in-first-page',
    claim: 'boot information lies in the first page, where real-mode vectors and BIOS data are',
    history: '0f3f5b7c1',
    make: { depth: 'grub', variant: 'sabotage-information-in-first-page' },
    instances: ['history-information-place~bios~base-any', BIOS],
    expected: atEntry(/entry: boot information at 0x00000[0-9a-f]{3}, not at 0x00001000 or above/),
  },
  {
    name: 'loader-name-altered',
    claim: 'the boot loader name is damaged on its way',
    make: { depth: 'grub', variant: 'sabotage-loader-name-altered' },
    instances: [BIOS, EFI],
    expected: atEntry(/entry: boot loader name is “gRUB [^”]+”, not “GRUB /),
  },
  {
    name: 'command-line-altered',
    claim: 'the command line is damaged on its way: options are silently not obeyed',
    make: { depth: 'grub', variant: 'sabotage-command-line-altered' },
    instances: [BIOS, EFI],
    expected: atEntry(/entry: command line is “Console=com1 loglvl=all”, not “console=/),
  },
  {
    name: 'stale-memory-map',
    claim:
      'boot services are kept, yet a memory map taken before the image was entered is passed: it is stale',
    history: 'f2b6c20a2',
    make: { depth: 'grub', variant: 'sabotage-stale-memory-map' },
    instances: ['history-stale-maps~efi~base-any', EFI],
    expected: atEntry(/entry: a memory map \(tag 6 or 17\) is passed although boot services are kept/),
  },
  {
    name: 'efi-stack-misaligned',
    claim:
      'the EFI entry gets a stack that is no multiple of 16: calls into the firmware fault or do not, as its compiler liked',
    history: '4e5414b2a',
    make: { depth: 'grub', variant: 'sabotage-efi-stack-misaligned' },
    instances: ['history-efi-stack~efi~base-any', EFI],
    expected: atEntry(/entry: %rsp is 0x[0-9a-f]*8, no multiple of 16/),
  },
  {
    name: 'entry-off',
    claim: 'the image is entered 16 bytes past its entry',
    history: '88f8d1463',
    make: { depth: 'grub', variant: 'sabotage-entry-off' },
    instances: [BIOS, EFI],
    expected: { verdicts: ['fail', 'crash'], reason: /triple|reset|“ERR: Not a Multiboot bootloader!”/ },
  },
  {
    name: 'image-page-lost',
    claim:
      "a page of the image's read-only data is overwritten while it is loaded: damage that shows in the field",
    make: { depth: 'grub', variant: 'sabotage-image-page-lost' },
    instances: [BIOS, EFI],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'layout at entry',
      reason: /layout at entry: the image is changed at 0x[0-9a-f]{8}/,
    },
  },
  {
    name: 'module-over-image',
    claim: 'tag 3 places a module over the image: Xen runs into it, or its dom0 kernel is garbage',
    history: '9589927e5b',
    make: { depth: 'grub', variant: 'sabotage-module-over-image' },
    instances: [BIOS_MODULES, EFI_MODULES, 'history-modules-placed~bios~base-any~memory-512'],
    expected: {
      verdicts: ['fail', 'crash'],
      witness: 'rules at entry',
      reason: /rules at entry: .*modules-clear-of-image: the image \(.*\) overlaps module 0/,
    },
  },
];
