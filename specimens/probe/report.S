/*
 * The report, included once for each entry: BITS is 32 or 64, L(name) a label of that copy, AX CX DX SI DI whole registers
 * for what has no 32-bit form. All else is written with 32-bit registers and addresses, which mean the same in both.
 *
 * Throughout: EBP = run address - link address, so that symbol(%ebp) is where it runs; EDI = the record's CRC-32 so far.
 * The record's format: harness/probe/record.ts.
 */
#if BITS == 32
    .code32
#define WIDE DIGITS_8
#else
    .code64
#define WIDE DIGITS_16
#endif

/* In a template: so many digits of the place whose number follows. */
#define DIGITS_1 1
#define DIGITS_4 2
#define DIGITS_8 3
#define DIGITS_16 4
#define field(text, digits, place) .ascii text; .byte digits, place;

    .text
L(report):
    call L(look_at_machine)
    call L(look_at_tables)
    call L(look_at_a20)
#ifdef SILENT
    jmp L(halt)
#endif
#ifdef GARBAGE
    jmp L(garbage)
#endif
L(record):
    or $-1, %edi
    movl $0, SLOT(LINES_)(%ebp)
    mov $'\r', %al
    call L(put)
    mov $'\n', %al
    call L(put)
    or $-1, %edi
    lea L(machine_template)(%ebp), %esi
    call L(say)
    call L(has_long_mode)
    jnc 1f
    lea L(efer_template)(%ebp), %esi
    call L(say)
1:  call L(tell_segments)
    call L(tell_information)
#ifdef WRONG_CHECKSUM
    xorl $1, SLOT(CRC_)(%ebp)
#endif
    lea L(end_template)(%ebp), %esi
    call L(say)
#ifdef TWICE
    btsl $31, SLOT(A20_WITNESS_)(%ebp)
    jnc L(record)
#endif
L(halt):
    cli
    hlt
    jmp L(halt)

L(look_at_machine):
    movl $VARIANT, SLOT(VARIANT_)(%ebp)
    movl $LINK_BASE, SLOT(LINK_BASE_)(%ebp)
    lea image_start(%ebp), %eax
    mov %eax, SLOT(RUN_BASE_)(%ebp)
    mov SLOT(SP_)(%ebp), %eax
    and $15, %eax
    mov %eax, SLOT(STACK_MODULO_)(%ebp)
    mov %cr0, AX
    mov AX, SLOT(CR0_)(%ebp)
    mov %cr3, AX
    mov AX, SLOT(CR3_)(%ebp)
    mov %cr4, AX
    mov AX, SLOT(CR4_)(%ebp)
    mov %cs, %eax
    mov %eax, SLOT(CS_)(%ebp)
    mov %ds, %eax
    mov %eax, SLOT(DS_)(%ebp)
    mov %es, %eax
    mov %eax, SLOT(ES_)(%ebp)
    mov %fs, %eax
    mov %eax, SLOT(FS_)(%ebp)
    mov %gs, %eax
    mov %eax, SLOT(GS_)(%ebp)
    mov %ss, %eax
    mov %eax, SLOT(SS_)(%ebp)
    call L(has_long_mode)
    jnc 1f
    mov $0xc0000080, %ecx
    rdmsr
    mov %eax, SLOT(EFER_)(%ebp)
    mov %edx, SLOT(EFER_) + 4(%ebp)
1:  ret

/* CF set where CPUID says that there is long mode, and with it EFER (SDM 2A, CPUID leaf 0x80000001, EDX bit 29). */
L(has_long_mode):
    mov $0x80000000, %eax
    cpuid
    cmp $0x80000001, %eax
    jb 1f
    mov $0x80000001, %eax
    cpuid
    bt $29, %edx
    ret
1:  clc
    ret

/* SGDT and SIDT store a limit of 16 bits and the base behind it. */
L(look_at_tables):
    sgdt SLOT(DESCRIPTOR_)(%ebp)
    movzwl SLOT(DESCRIPTOR_)(%ebp), %eax
    mov %eax, SLOT(GDT_LIMIT_)(%ebp)
    mov SLOT(DESCRIPTOR_) + 2(%ebp), AX
    mov AX, SLOT(GDT_BASE_)(%ebp)
    sidt SLOT(DESCRIPTOR_)(%ebp)
    movzwl SLOT(DESCRIPTOR_)(%ebp), %eax
    mov %eax, SLOT(IDT_LIMIT_)(%ebp)
    mov SLOT(DESCRIPTOR_) + 2(%ebp), AX
    mov AX, SLOT(IDT_BASE_)(%ebp)
    ret

/* A20 is off where our own word is seen at its address with bit 20 flipped, too: twice, lest it be chance. */
L(look_at_a20):
    lea SLOT(A20_WITNESS_)(%ebp), %esi
    mov %esi, %edx
    xor $0x100000, %edx
    mov $0x6f72a20b, %eax
    mov $2, %ecx
1:  mov %eax, (%esi)
    cmp %eax, (%edx)
    jne 2f
    not %eax
    loop 1b
2:  test %ecx, %ecx
    setnz %al
    movzbl %al, %eax
    mov %eax, SLOT(A20_)(%ebp)
    movl $0, (%esi)
    ret

L(tell_segments):
    lea segments(%ebp), %esi
1:  mov (%esi), %eax
    mov %eax, SLOT(SEGMENT_LINK_)(%ebp)
    sub $LINK_BASE, %eax
    add SLOT(RUN_BASE_)(%ebp), %eax
    mov %eax, SLOT(SEGMENT_RUN_)(%ebp)
    mov 4(%esi), %ecx
    mov %ecx, SLOT(SEGMENT_SIZE_)(%ebp)
    mov 8(%esi), %eax
    sub %ecx, %eax
    mov %eax, SLOT(BSS_SIZE_)(%ebp)
    push SI
    push DI
    call L(check_segment)
    pop DI
    lea L(segment_template)(%ebp), %esi
    call L(say)
    pop SI
    incl SLOT(SEGMENT_)(%ebp)
    add $12, %esi
    lea segments_end(%ebp), %eax
    cmp %eax, %esi
    jb 1b
    movl $0, SLOT(SEGMENT_)(%ebp)
    ret

/* The CRC-32 of the file's part, with our scratch memory taken for the zeros that it is in the file; then the BSS. */
L(check_segment):
    mov SLOT(SEGMENT_RUN_)(%ebp), %esi
    mov SLOT(SEGMENT_SIZE_)(%ebp), %ecx
    or $-1, %edi
    jecxz 3f
1:  movzbl (%esi), %eax
    lea scratch(%ebp), %edx
    sub %esi, %edx
    neg %edx
    cmp $scratch_end - scratch, %edx
    jae 2f
    xor %eax, %eax
2:  call L(add_to_crc)
    inc %esi
    dec %ecx
    jnz 1b
3:  not %edi
    mov %edi, SLOT(SEGMENT_CRC_)(%ebp)
    xor %edx, %edx
    mov SLOT(BSS_SIZE_)(%ebp), %ecx
    jmp 6f
4:  cmp $4, %ecx
    jb 5f
    cmpl $0, (%esi)
    jne 5f
    add $4, %esi
    sub $4, %ecx
    jmp 6f
5:  cmpb $1, (%esi)
    cmc
    adc $0, %edx
    inc %esi
    dec %ecx
6:  test %ecx, %ecx
    jnz 4b
    mov %edx, SLOT(BSS_NONZERO_)(%ebp)
    ret

L(tell_information):
    mov SLOT(BX_)(%ebp), %esi
    mov %esi, SLOT(INFORMATION_)(%ebp)
    xor %eax, %eax
    cmpl $ENTRY_MAGIC, SLOT(AX_)(%ebp)
    jne 1f
    mov (%esi), %eax
1:  mov %eax, SLOT(INFORMATION_SIZE_)(%ebp)
    cmp $MAX_SHOWN, %eax
    jb 2f
    mov $MAX_SHOWN, %eax
2:  mov %eax, SLOT(SHOWN_)(%ebp)
    push SI
    lea L(information_template)(%ebp), %esi
    call L(say)
    pop SI
    movl $0, SLOT(OFFSET_)(%ebp)
3:  mov SLOT(SHOWN_)(%ebp), %ecx
    sub SLOT(OFFSET_)(%ebp), %ecx
    jz 6f
    cmp $BYTES_A_LINE, %ecx
    jb 4f
    mov $BYTES_A_LINE, %ecx
4:
#ifdef ENDLESS
    mov $BYTES_A_LINE, %ecx
    mov SLOT(BX_)(%ebp), %esi
    movl $0, SLOT(OFFSET_)(%ebp)
#endif
    push SI
    lea L(bytes_template)(%ebp), %esi
    call L(say)
    pop SI
    add %ecx, SLOT(OFFSET_)(%ebp)
5:
#ifdef HALF
    cmp $BYTES_A_LINE / 2, %ecx
    jne 7f
    cmpl $3 * BYTES_A_LINE, SLOT(OFFSET_)(%ebp)
    je L(halt)
7:
#endif
    mov (%esi), %al
    inc %esi
    mov $2, %ah
    call L(put_digits)
    dec %ecx
    jnz 5b
    call L(end_line)
    jmp 3b
6:  ret

/* A template at ESI: text, `field`s, \n at a line's end, NUL. Keeps ECX. */
L(say):
    mov (%esi), %al
    inc %esi
    cmp $DIGITS_16, %al
    jbe 2f
    cmp $'\n', %al
    je 1f
    call L(put)
    jmp L(say)
1:  call L(end_line)
    jmp L(say)
2:  test %al, %al
    jz 4f
    push CX
    movzbl %al, %ecx
    movzbl L(digit_counts) - 1(%ebp, %ecx), %eax
    mov %al, %ah
    movzbl (%esi), %ecx
    inc %esi
    lea SLOT(0)(%ebp, %ecx, 8), %ecx
    call L(put_place)
    pop CX
    jmp L(say)
4:  ret

/* AH digits of the eight bytes at ECX, the highest first. */
L(put_place):
    cmp $2, %ah
    jae 1f
    mov (%ecx), %al
    jmp L(put_digits)
1:  movzbl %ah, %edx
    shr $1, %edx
    lea -1(%ecx, %edx), %edx
2:  mov (%edx), %al
    mov $2, %ah
    push DX
    call L(put_digits)
    pop DX
    cmp %ecx, %edx
    lea -1(%edx), %edx
    ja 2b
    ret

/* AL in AH hexadecimal digits: 1 or 2. */
L(put_digits):
    push AX
    cmp $2, %ah
    jb 1f
    shr $4, %al
    call 2f
1:  pop AX
    and $15, %al
2:  cmp $10, %al
    jb 3f
    add $'a' - '0' - 10, %al
3:  add $'0', %al

/* The character AL into the record: its checksum, and the port. Keeps all but EAX, EDX, EDI. */
L(put):
    movzbl %al, %eax
    call L(add_to_crc)
L(send):
    push CX
    push AX
    mov $PATIENCE, %ecx
    mov $COM1_LINE_STATUS, %edx
1:  in %dx, %al
    test $TRANSMITTER_EMPTY, %al
    jnz 2f
    dec %ecx
    jnz 1b
    jmp L(halt)
2:  pop AX
    pop CX
    mov $COM1, %edx
    out %al, %dx
    ret

/* CR LF on the wire. The checksum has one \n between lines: what it is without the last one is kept at each. */
L(end_line):
    mov %edi, %eax
    not %eax
    mov %eax, SLOT(CRC_)(%ebp)
    incl SLOT(LINES_)(%ebp)
    mov $'\r', %al
    call L(send)
    mov $'\n', %al
    jmp L(put)

/* The byte EAX into the CRC-32 in EDI. Keeps all but EDX. */
L(add_to_crc):
    xor %eax, %edi
    mov %edi, %edx
    and $15, %edx
    shr $4, %edi
    xor crc_table(%ebp, %edx, 4), %edi
    mov %edi, %edx
    and $15, %edx
    shr $4, %edi
    xor crc_table(%ebp, %edx, 4), %edi
    ret

#ifdef GARBAGE
/* Bytes of every value, from a fixed seed (Marsaglia's xorshift, 13 17 5); then silence. */
L(garbage):
    mov $0x2545f491, %esi
    mov $2000, %ecx
1:  mov %esi, %eax
    shl $13, %eax
    xor %eax, %esi
    mov %esi, %eax
    shr $17, %eax
    xor %eax, %esi
    mov %esi, %eax
    shl $5, %eax
    xor %eax, %esi
    mov %esi, %eax
    call L(send)
    dec %ecx
    jnz 1b
    jmp L(halt)
#endif

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

#undef WIDE
#undef DIGITS_1
#undef DIGITS_4
#undef DIGITS_8
#undef DIGITS_16
#undef field
