import type { SourceFeature } from '../sources/source-features.ts';
import type { Transform } from '../sources/transforms.ts';

const VERSION_PATTERN = /(AC_INIT\(\[?GRUB\]?,\s*\[?)([^\],)]+)/;

/** The version that configure.ac gives, e.g. `2.06`; undefined where it gives none in the known form. */
export function versionInConfigureAc(text: string): string | undefined {
  return VERSION_PATTERN.exec(text)?.[2];
}

/** Makes GRUB name itself with `suffix`; it then stands in the Multiboot2 boot loader name tag. */
export function versionSuffixTransform(suffix: string): Transform {
  return {
    file: 'configure.ac',
    description: 'give GRUB a version suffix of its own',
    pattern: VERSION_PATTERN,
    replacement: `$1$2${suffix}`,
  };
}

/** The negative control: a relocatable header tag is read, and then not obeyed. */
export const NO_RELOCATION_TRANSFORM: Transform = {
  file: 'grub-core/loader/multiboot_mbi2.c',
  description: "take relocation out of GRUB's Multiboot2 loader",
  pattern: /(?<=case MULTIBOOT_HEADER_TAG_RELOCATABLE:\s*mld\.relocatable = )1;/,
  replacement: '0;',
};

/** What makes a GRUB one that loadbase can force a load base on. */
export const RELOCATION_FEATURES: readonly SourceFeature[] = [
  {
    file: 'include/multiboot2.h',
    description: 'knows the relocatable header tag (Multiboot2 §3.1.14)',
    pattern: /MULTIBOOT_HEADER_TAG_RELOCATABLE\s+10\b/,
  },
  {
    file: 'include/multiboot2.h',
    description: 'knows the load base address tag (Multiboot2 §3.6.19)',
    pattern: /MULTIBOOT_TAG_TYPE_LOAD_BASE_ADDR\s+21\b/,
  },
  {
    file: 'grub-core/loader/multiboot_mbi2.c',
    description: 'obeys the relocatable header tag',
    pattern: /case MULTIBOOT_HEADER_TAG_RELOCATABLE:/,
  },
  {
    file: 'grub-core/loader/multiboot_mbi2.c',
    description: 'hands over the load base address',
    pattern: /->type = MULTIBOOT_TAG_TYPE_LOAD_BASE_ADDR/,
  },
];
