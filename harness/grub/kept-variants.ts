/**
 * The variants that every build of GRUB makes: the source as it is, and boot loaders that are wrong in one known way, which
 * scenarios take as their condition. Upstream commits are named whose condition or fix a variant has.
 */
import type { Transform } from '../sources/transforms.ts';
import { change } from './source-change.ts';
import { NO_RELOCATION_TRANSFORM } from './transforms.ts';

const BY_TWO_MIB = '0x200000';
/** Less than any image of ours has, more than the boot information and the relocator's own code. */
const LARGE_BYTES = '0x4000';

const refuseFirstAllocation = change(
  'have the firmware refuse the first large allocation that the relocator asks for',
  /status = efi_call_4 \(b->allocate_pages, GRUB_EFI_ALLOCATE_ADDRESS,/,
  `static int refused; if (size > ${LARGE_BYTES} && !refused++) return 0;\n  $&`,
  'efiRelocator',
);

export const KEPT_VARIANTS = {
  standard: [],
  /** The negative control, with the feature taken out. */
  'no-relocation': [NO_RELOCATION_TRANSFORM],
  'tag-21-lies': [
    change(
      'say a load base that is 2 MiB too high in tag 21',
      /tag->load_base_addr = load_base_addr;/,
      `tag->load_base_addr = load_base_addr + ${BY_TWO_MIB};`,
    ),
  ],
  'tag-21-absent': [
    change(
      'give tag 21 a type that nobody knows',
      /tag->type = MULTIBOOT_TAG_TYPE_LOAD_BASE_ADDR;/,
      'tag->type = 0x4c42;',
    ),
  ],
  /** UEFI only: the image's place is taken by the time it is asked for, and another is looked for (4127ea3a9). */
  'allocation-refused': [refuseFirstAllocation],
  /** The same, and what is looked for then obeys the alignment. */
  'allocation-refused-mended': [
    refuseFirstAllocation,
    change(
      "align the lowest end of the relocator's search",
      /(if \(target < start\)\s*target = )start;/,
      '$1ALIGN_UP (start, align);',
      'relocator',
    ),
    change(
      "align the highest end of the relocator's search",
      /(if \(target > end - size\)\s*target = )end - size;/,
      '$1ALIGN_DOWN (end - size, align);',
      'relocator',
    ),
  ],
  /** BIOS only: the jump into a 64-bit image takes its address where it is (968928240); the standard one does not. */
  'relocator64-mended': [
    change(
      "give the relocator's jump to 64-bit code a displacement of 4 bytes",
      /\.byte 0xff, 0x25\n\t\.quad 0/,
      '.byte 0xff, 0x25\n\t.long 0',
      'longModeRelocator',
    ),
  ],
} as const satisfies Readonly<Record<string, readonly Transform[]>>;

export type KeptVariant = keyof typeof KEPT_VARIANTS;
