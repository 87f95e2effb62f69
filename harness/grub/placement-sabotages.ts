/**
 * Defects of our own making in how GRUB places an image by its relocatable header tag (Multiboot2 Specification 2.0
 * §3.1.13). Upstream fixes that a defect undoes, or the code that it breaks, are named by commit.
 */
import type { Transform } from '../sources/transforms.ts';
import { change } from './source-change.ts';

const PREFERENCES = ['LOW', 'HIGH'] as const;

export const PLACEMENT_SABOTAGES = {
  'preference-swapped': PREFERENCES.map((preference, i) =>
    change(
      'take the preference for the lowest base for the highest, and the other way round (eba6db632)',
      new RegExp(
        `(case MULTIBOOT_LOAD_PREFERENCE_${preference}:\\s*mld\\.preference = )GRUB_RELOCATOR_PREFERENCE_${preference};`,
      ),
      `$1GRUB_RELOCATOR_PREFERENCE_${PREFERENCES[1 - i]};`,
    ),
  ),
  'preference-ignored': [
    change('ignore the preference (eba6db632)', /switch \(rel_tag->preference\)/, 'switch (0)'),
  ],
  'minimum-one-less': [
    change(
      "begin one byte below the window's lowest address",
      /mld\.min_addr = rel_tag->min_addr;/,
      'mld.min_addr = rel_tag->min_addr ? rel_tag->min_addr - 1 : 0;',
    ),
  ],
  'maximum-as-last-start': [
    change(
      "take the window's highest address for the last place where an image may begin (as before 61ff5602f)",
      /mld->min_addr, mld->max_addr,(?=\s*load_size, mld->align)/,
      'mld->min_addr, mld->max_addr > 0xffffffff - 2 * load_size ? mld->max_addr : mld->max_addr + 2 * load_size,',
      'elfLoader',
    ),
  ],
  'size-a-page-more': [
    change(
      'take the image to be one page larger than it is',
      /load_size = highest_load - mld->link_base_addr;/,
      '$& load_size += 0x1000;',
      'elfLoader',
    ),
  ],
  'window-check-gone': [
    change(
      'search a window that is smaller than the image (as before 61ff5602f)',
      /if \(load_size > mld->max_addr \|\| mld->min_addr > mld->max_addr - load_size\)/,
      'if (0)',
      'elfLoader',
    ),
    change(
      'search a window that is smaller than the chunk',
      /if \(max_addr < size \|\| \(max_addr - size\) < min_addr\)/,
      'if (0)',
      'relocatorHeader',
    ),
  ],
  'firmware-memory-taken': [
    change(
      'move an image to memory that the firmware keeps, too',
      /if \(type != GRUB_MEMORY_AVAILABLE\)\s*return 0;(?=\s*candidate = )/,
      '(void) type;',
      'relocator',
    ),
  ],
} as const satisfies Readonly<Record<string, readonly Transform[]>>;
