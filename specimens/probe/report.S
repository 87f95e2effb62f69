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

#include "output.S"
#include "template.S"

#undef WIDE
#undef DIGITS_1
#undef DIGITS_4
#undef DIGITS_8
#undef DIGITS_16
#undef field
