import type { Transform } from '../sources/transforms.ts';

/** Files of GRUB's source that loadbase changes. */
export const GRUB_SOURCE = {
  /** Reads the Multiboot2 header and writes the boot information. */
  loader: 'grub-core/loader/multiboot_mbi2.c',
  /** Loads ELF images, for both Multiboot protocols. */
  elfLoader: 'grub-core/loader/multiboot_elfxx.c',
  relocator: 'grub-core/lib/relocator.c',
  relocatorHeader: 'include/grub/relocator.h',
  efiRelocator: 'grub-core/lib/efi/relocator.c',
  longModeRelocator: 'grub-core/lib/i386/relocator64.S',
} as const;

/** A change to one of GRUB's files, `of`; the Multiboot2 loader where left out. */
export function change(
  description: string,
  pattern: RegExp,
  replacement: string,
  of: keyof typeof GRUB_SOURCE = 'loader',
): Transform {
  return { file: GRUB_SOURCE[of], description, pattern, replacement };
}
