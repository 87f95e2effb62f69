/**
 * Defects of our own making, as changes to GRUB's source: each makes a boot loader that breaks one promise of the
 * Multiboot2 Specification, so that it can be seen whether a boot notices. Upstream fixes that a defect undoes are named
 * by commit. Those of where an image is placed: placement-sabotages.ts.
 */
import type { Transform } from '../sources/transforms.ts';
import { change } from './source-change.ts';

/** Groups: the call up to the value, and the size. */
const CLEAR_BSS =
  /(grub_memset \(\(grub_uint8_t \*\) source \+ load_offset \+ phdr\(i\)->p_filesz,) 0,\s*(phdr\(i\)->p_memsz - phdr\(i\)->p_filesz)\);/;

export const SABOTAGES = {
  'alignment-forgotten': [
    change(
      "take 1 for the relocatable header tag's alignment (EFI's retry did so before 4127ea3a9)",
      /mld\.align = rel_tag->align;/,
      'mld.align = 1;',
    ),
  ],
  'window-ignored': [
    change(
      "take 1 MiB for the window's lowest address",
      /mld\.min_addr = rel_tag->min_addr;/,
      'mld.min_addr = 0x100000;',
    ),
    change(
      "take 4 GiB for the window's highest address",
      /mld\.max_addr = rel_tag->max_addr;/,
      'mld.max_addr = 0xffffffff;',
    ),
  ],
  'information-in-first-page': [
    change(
      'put the boot information into the first page (as before 0f3f5b7c1)',
      /grub_relocator_alloc_chunk_align \(grub_multiboot2_relocator, &ch,\s*MBI_MIN_ADDR, [^;]*;/,
      'grub_relocator_alloc_chunk_addr (grub_multiboot2_relocator, &ch, 0x600, bufsize);',
    ),
  ],
  'loader-name-altered': [
    change(
      'write the boot loader name with another first letter',
      /grub_memcpy \(tag->string, PACKAGE_STRING, sizeof \(PACKAGE_STRING\)\);/,
      `$& tag->string[0] = 'g';`,
    ),
  ],
  'command-line-altered': [
    change(
      'change the first letter of the command line',
      /grub_memcpy \(tag->string, cmdline, cmdline_size\);/,
      '$& tag->string[0] ^= 0x20;',
    ),
  ],
  'stale-memory-map': [
    change(
      'pass a memory map beside boot services that are kept (as before f2b6c20a2)',
      /if \(!keep_bs\)(?=\s*\{\s*struct multiboot_tag_mmap )/,
      'if (1)',
    ),
  ],
  'efi-stack-misaligned': [
    change(
      'enter the image with a stack that is 8 bytes off (as before 4e5414b2a)',
      /\tandq\t\$~15, %rsp\n/,
      '$&\tsubq\t$$8, %rsp\n',
      'longModeRelocator',
    ),
  ],
  'entry-off': [
    change(
      'enter the image 16 bytes too far',
      /grub_multiboot2_payload_eip = efi_entry;/,
      'grub_multiboot2_payload_eip = efi_entry + 16;',
    ),
    change(
      'enter the image 16 bytes too far',
      /(GRUB_MULTIBOOT \(payload_eip\) = \(ehdr->e_entry - phdr\(i\)->p_vaddr\)\s*\+ phdr\(i\)->p_paddr);/,
      '$1 + 16;',
      'elfLoader',
    ),
  ],
  'entry-virtual': [
    change(
      'enter the image at its virtual entry address (as before 88f8d1463)',
      /= \(ehdr->e_entry - phdr\(i\)->p_vaddr\)\s*\+ phdr\(i\)->p_paddr;/,
      '= ehdr->e_entry;',
      'elfLoader',
    ),
  ],
  'bss-half-cleared': [
    change(
      'clear the first half of each BSS, and no more, in memory that was used before',
      CLEAR_BSS,
      '{ $1 0xa5, $2); $1 0, ($2) / 2); }',
      'elfLoader',
    ),
  ],
  'bss-over-cleared': [
    change('clear 64 bytes more than each BSS has', CLEAR_BSS, '$1 0, $2 + 64);', 'elfLoader'),
  ],
  'image-page-lost': [
    change(
      "overwrite one page of the image's read-only data after it was read",
      /if \(phdr\(i\)->p_filesz < phdr\(i\)->p_memsz\)/,
      'if (mld->relocatable && phdr(i)->p_filesz > 0x180000)' +
        ' grub_memset ((grub_uint8_t *) source + load_offset + 0x17d000, 0xa5, 0x1000);\n$&',
      'elfLoader',
    ),
  ],
  'module-over-image': [
    change(
      'place the first module over the image, says tag 3',
      /tag->mod_start = cur->start;/,
      'tag->mod_start = load_base_addr;',
    ),
  ],
} as const satisfies Readonly<Record<string, readonly Transform[]>>;
