/* One segment, vaddr = paddr. */
ENTRY(entry)

PHDRS
{
  image PT_LOAD FLAGS(7);
}

SECTIONS
{
  . = 0x200000;
  .text : { *(.header) *(.text) *(.data) } :image
  .bss : { *(.bss) } :image

  /DISCARD/ : { *(.note*) *(.comment) *(.eh_frame) }
}
