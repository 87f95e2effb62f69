/*
 * Where the probe's parts go. One segment for all; with SEGMENTS four, of which the one that stands last in memory comes
 * first in the file, so that a loader puts it there before it clears the BSS in front of it. Program headers are in
 * the order of their vaddr, as the System V ABI wants, which is why that one's is low.
 */
#include "variant.h"

ENTRY(multiboot32_entry)

#ifdef SEGMENTS
PHDRS
{
  tail PT_LOAD FLAGS(6);
  text PT_LOAD FLAGS(5);
  rodata PT_LOAD FLAGS(4);
  data PT_LOAD FLAGS(6);
}

SECTIONS
{
  . = LINK_BASE + VADDR_SHIFT - 0x10000;
  .tail : AT(tail_link) { *(.tail) } :tail
  tail_filesz = SIZEOF(.tail);

  . = LINK_BASE + VADDR_SHIFT;
  image_start = .;
  .text : AT(LINK_BASE) { *(.header) *(.text) } :text
  text_link = LOADADDR(.text);
  text_filesz = SIZEOF(.text);

  . = ALIGN(0x1000);
  .rodata : AT(ADDR(.rodata) - VADDR_SHIFT) { *(.rodata) } :rodata
  rodata_link = LOADADDR(.rodata);
  rodata_filesz = SIZEOF(.rodata);

  . = ALIGN(0x1000);
  .data : AT(ADDR(.data) - VADDR_SHIFT) { *(.data) } :data
  .bss : AT(ADDR(.bss) - VADDR_SHIFT) { *(.bss) } :data
  data_link = LOADADDR(.data);
  data_filesz = SIZEOF(.data);
  data_memsz = ADDR(.bss) + SIZEOF(.bss) - ADDR(.data);
  tail_link = ADDR(.bss) + SIZEOF(.bss) - VADDR_SHIFT;

  /DISCARD/ : { *(.note*) *(.comment) *(.eh_frame) }
}
#else
PHDRS
{
  image PT_LOAD FLAGS(7);
}

SECTIONS
{
  . = LINK_BASE + VADDR_SHIFT;
  image_start = .;
  .text : AT(LINK_BASE) { *(.header) *(.text) *(.rodata) *(.data) } :image
  .bss : AT(ADDR(.bss) - VADDR_SHIFT) { *(.bss) } :image
  image_link = LOADADDR(.text);
  image_filesz = SIZEOF(.text);
  image_memsz = ADDR(.bss) + SIZEOF(.bss) - ADDR(.text);

  /DISCARD/ : { *(.note*) *(.comment) *(.eh_frame) }
}
#endif
