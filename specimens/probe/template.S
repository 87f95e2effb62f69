/* The text of the record; a part of report.S. harness/probe/record.ts has the format in words. */

    .section .rodata, "a"
L(digit_counts):
    .byte 1, 4, 8, 16
L(machine_template):
    .ascii "probe 1 begin entry=", ENTRY_NAME
    field(" variant=", DIGITS_4, VARIANT_)
    field("\nprobe image run=", DIGITS_8, RUN_BASE_)
    field(" link=", DIGITS_8, LINK_BASE_)
    field("\nprobe general ax=", WIDE, AX_)
    field(" bx=", WIDE, BX_)
    field(" cx=", WIDE, CX_)
    field("\nprobe general dx=", WIDE, DX_)
    field(" si=", WIDE, SI_)
    field(" di=", WIDE, DI_)
    field("\nprobe general bp=", WIDE, BP_)
    field(" sp=", WIDE, SP_)
    field(" flags=", WIDE, FLAGS_)
#if BITS == 64
    field("\nprobe general r8=", WIDE, R8_)
    field(" r9=", WIDE, R9_)
    field(" r10=", WIDE, R10_)
    field("\nprobe general r11=", WIDE, R11_)
    field(" r12=", WIDE, R12_)
    field(" r13=", WIDE, R13_)
    field("\nprobe general r14=", WIDE, R14_)
    field(" r15=", WIDE, R15_)
#endif
    field("\nprobe selectors cs=", DIGITS_4, CS_)
    field(" ds=", DIGITS_4, DS_)
    field(" es=", DIGITS_4, ES_)
    field(" fs=", DIGITS_4, FS_)
    field(" gs=", DIGITS_4, GS_)
    field(" ss=", DIGITS_4, SS_)
    field("\nprobe gdt base=", WIDE, GDT_BASE_)
    field(" limit=", DIGITS_4, GDT_LIMIT_)
    field("\nprobe idt base=", WIDE, IDT_BASE_)
    field(" limit=", DIGITS_4, IDT_LIMIT_)
    field("\nprobe memory a20=", DIGITS_1, A20_)
    field(" stack=", DIGITS_1, STACK_MODULO_)
    field("\nprobe control cr0=", WIDE, CR0_)
    field(" cr3=", WIDE, CR3_)
    field(" cr4=", WIDE, CR4_)
    .asciz "\n"
L(efer_template):
    field("probe efer value=", DIGITS_16, EFER_)
    .asciz "\n"
L(segment_template):
    field("probe segment ", DIGITS_1, SEGMENT_)
    field(" run=", DIGITS_8, SEGMENT_RUN_)
    field(" link=", DIGITS_8, SEGMENT_LINK_)
    field(" size=", DIGITS_8, SEGMENT_SIZE_)
    field(" crc32=", DIGITS_8, SEGMENT_CRC_)
    field("\nprobe bss ", DIGITS_1, SEGMENT_)
    field(" size=", DIGITS_8, BSS_SIZE_)
    field(" nonzero=", DIGITS_8, BSS_NONZERO_)
    .asciz "\n"
L(information_template):
    field("probe information address=", WIDE, INFORMATION_)
    field(" size=", DIGITS_8, INFORMATION_SIZE_)
    field(" shown=", DIGITS_8, SHOWN_)
    .asciz "\n"
L(bytes_template):
    field("probe i ", DIGITS_4, OFFSET_)
    .asciz " "
L(end_template):
    field("probe 1 end lines=", DIGITS_4, LINES_)
    field(" crc32=", DIGITS_8, CRC_)
    .asciz "\n"
