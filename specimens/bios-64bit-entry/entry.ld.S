/* One segment, vaddr = paddr; the symbol table stays. */
ENTRY(entry)

PHDRS
{
  image PT_LOAD FLAGS(7);
}

SECTIONS
{
  . = 0x200000;
  .text : { *(.text) } :image

  /DISCARD/ : { *(.note*) *(.comment) *(.eh_frame) *(.data) *(.bss) }
}
