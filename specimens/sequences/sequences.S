/*
 * sequences: a tiny Multiboot2 kernel that runs code that is not its own.
 *
 * Claim: it runs what stands in `region32` in protected mode without paging, in `region64` in long mode with 2 MiB pages,
 * and in `region16` in real mode, below 1 MiB; then it says `loadbase: sequences done` on COM1 and halts. Whatever
 * exception a region's code raises ends one sequence of it, not the run.
 *
 * Why: a model of the CPU is compared with QEMU on instructions that no kernel would write. The harness generates them
 * and puts them into the image file before it is booted.
 *
 * Why it can tell: it judges nothing. Each state on the way is compared by who runs it, and a stray instruction ends in
 * silence, for the last line is said by code that is reached in one way only.
 *
 * What a region's code must keep to (harness/sequences/): each sequence first stores where the next one begins at RESUME;
 * it writes only to scratch memory and its stack; the last one jumps to what EXIT holds. FS stays as it is, in real mode CS.
 *
 * What it touches: its own image, low memory from 0x10000 to 0x51000, and the reserved word of the boot information.
 *
 * Source: Multiboot2 specification 2.0, §3.1, §3.3; Intel SDM 3A §9.8.5 (to long mode), §9.9 (mode switching).
 */
#include "places.h"

#define HEADER_MAGIC 0xe85250d6
#define COM1 0x3f8
#define COM1_LINE_STATUS 0x3fd
#define TRANSMITTER_EMPTY 0x20
#define PIC_MASKS 0x21
#define PIC2_MASKS 0xa1

#define CODE32 0x08
#define DATA 0x10
#define PLACES_DATA 0x18
#define GS_DATA 0x20
#define CODE64 0x28
#define CODE16 0x30
#define DATA16 0x38

#define GATES 48
#define PAGES_TABLES 6
/* Present, writable, a large page. */
#define LARGE_PAGE 0x83
/* The first GiB whose pages are not there. */
#define HOLE 3
#define CR0_PE 0x1
#define CR0_WP 0x10000
#define CR0_PG 0x80000000
#define CR4_PAE 0x20
#define EFER 0xc0000080
#define EFER_LME 0x100
#define FS_BASE_REGISTER 0xc0000100
#define GS_BASE_REGISTER 0xc0000101

#define PLACE(offset) places + (offset)

    /* Else the linker names the compiler's temporary file, which has another name each time. */
    .file "sequences.S"

    .section .header, "a"
    .balign 8
header:
    .long HEADER_MAGIC, 0, header_end - header, -(HEADER_MAGIC + header_end - header)
    .balign 8
    .short 10, 1
    .long 24, 0x100000, 0xffffffff, 0x200000, 0
    .balign 8
    .short 0, 0
    .long 8
header_end:

    .section .data, "aw"
    .balign 16
gdt:
    .quad 0
    .quad 0x00cf9b000000ffff
    .quad 0x00cf93000000ffff
gdt_places:
    .quad 0x00cf93000000ffff
gdt_gs:
    .quad 0x00cf93000000ffff + (GS_BASE << 16)
    .quad 0x00af9b000000ffff
    .quad 0x00009b000000ffff + (LOW_SEGMENT << 20)
    .quad 0x000093000000ffff
    /* Not present: loaded on purpose. */
    .quad 0x00cf13000000ffff
gdt_end:
gdt_pointer:
    .short gdt_end - gdt - 1
    .long gdt
idt32_pointer:
    .short 8 * GATES - 1
    .long idt32
idt64_pointer:
    .short 16 * GATES - 1
    .long idt64, 0
    .balign 16
    .globl places
places:
    .skip PLACES_BYTES
line:
    .asciz "\r\nloadbase: sequences done\r\n"

    .balign 4096
    .globl scratch
scratch:
    .skip SCRATCH_BYTES
    .globl region32
region32:
    jmp *%fs:EXIT
    .org region32 + REGION_BYTES
    .globl region64
region64:
    .byte 0x64, 0xff, 0x24, 0x25
    .long EXIT
    .org region64 + REGION_BYTES

    .section .bss, "aw", @nobits
    .balign 4096
pages:
    .skip 4096 * PAGES_TABLES
idt32:
    .skip 8 * GATES
idt64:
    .skip 16 * GATES
    .balign 16
    .skip STACK_BYTES
sequence_stack:
    .skip STACK_ROOM
    .skip 1024
stack_top:

    .text
    .code32
    .globl entry
entry:
    cli
    cld
    /* A call is the only way to learn EIP; its word goes where the boot information has a reserved one. */
    lea 8(%ebx), %esp
    call here
here:
    pop %ebp
    sub $here, %ebp
    lea stack_top(%ebp), %esp
    mov $0xff, %al
    out %al, $PIC_MASKS
    out %al, $PIC2_MASKS
    call set_tables
    call set_gates
    call set_pages
    call set_low_memory
    lgdt gdt_pointer(%ebp)
    lea start(%ebp), %eax
    push $CODE32
    push %eax
    lret

    /* From here to `done` is what is compared. EBP: run address - link address, as everywhere outside the regions. */
    .globl start
start:
    mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $PLACES_DATA, %eax
    mov %eax, %fs
    mov $GS_DATA, %eax
    mov %eax, %gs
    lea stack_top(%ebp), %esp
    call copy_scratch
    lidt idt32_pointer(%ebp)
    movl $sequence_stack, PLACE(STACK)(%ebp)
    add %ebp, PLACE(STACK)(%ebp)
    movl $scratch + SCRATCH_MIDDLE, PLACE(SCRATCH)(%ebp)
    add %ebp, PLACE(SCRATCH)(%ebp)
    lea region32(%ebp), %eax
    mov %eax, PLACE(REGION)(%ebp)
    lea back32(%ebp), %ecx
    mov %ecx, PLACE(EXIT)(%ebp)
    mov %ebp, low_base + (LOW_SEGMENT << 4) - region16
    jmp *%eax

    /* All data segments are flat again: generated code loads others. */
back32:
    mov $DATA, %eax
    mov %eax, %ss
    call restore_base
    mov %cr4, %eax
    or $CR4_PAE, %eax
    mov %eax, %cr4
    lea pages(%ebp), %eax
    mov %eax, %cr3
    mov $EFER, %ecx
    rdmsr
    or $EFER_LME, %eax
    wrmsr
    mov %cr0, %eax
    or $CR0_PG | CR0_WP, %eax
    mov %eax, %cr0
    lea long_mode(%ebp), %eax
    push $CODE64
    push %eax
    lret

    .code64
long_mode:
    lidt idt64_pointer(%ebp)
    xor %edx, %edx
    mov $FS_BASE_REGISTER, %ecx
    lea places(%ebp), %eax
    wrmsr
    mov $GS_BASE_REGISTER, %ecx
    mov $GS_BASE, %eax
    wrmsr
    lea region64(%ebp), %eax
    mov %rax, PLACE(REGION)(%ebp)
    lea back64(%ebp), %ecx
    mov %rcx, PLACE(EXIT)(%ebp)
    jmp *%rax

back64:
    cli
    cld
    lea back64(%rip), %ebp
    sub $back64, %ebp
    lea stack_top(%ebp), %esp
    lea compatibility(%ebp), %eax
    push $CODE32
    push %rax
    lretq

    .code32
compatibility:
    mov %cr0, %eax
    and $~(CR0_PG | CR0_WP), %eax
    mov %eax, %cr0
    mov $EFER, %ecx
    rdmsr
    and $~EFER_LME, %eax
    wrmsr
    mov %cr4, %eax
    and $~CR4_PAE, %eax
    mov %eax, %cr4
    mov $DATA16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %fs
    mov %eax, %gs
    mov %eax, %ss
    ljmp $CODE16, $enter16 - region16

    /* In low memory, EBP is all that is lost. */
restore_base:
    cli
    cld
    mov $DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov low_base + (LOW_SEGMENT << 4) - region16, %ebp
    pop %eax
    lea stack_top(%ebp), %esp
    jmp *%eax

from_real_mode:
    mov $DATA, %eax
    mov %eax, %ss
    mov $LOW_STACK_TOP + (LOW_STACK_SEGMENT << 4), %esp
    call restore_base
    mov $DATA, %eax
    mov %eax, %fs
    mov %eax, %gs
    .globl done
done:
    lea line(%ebp), %esi
next:
    movzbl (%esi), %ebx
    test %ebx, %ebx
    jz stop
    inc %esi
    mov $COM1_LINE_STATUS, %edx
busy:
    in %dx, %al
    test $TRANSMITTER_EMPTY, %al
    jz busy
    mov %ebx, %eax
    mov $COM1, %edx
    out %al, %dx
    jmp next
stop:
    cli
    hlt
    jmp stop

    /* What holds addresses is moved to where the image runs. */
set_tables:
    add %ebp, gdt_pointer + 2(%ebp)
    add %ebp, idt32_pointer + 2(%ebp)
    add %ebp, idt64_pointer + 2(%ebp)
    lea places(%ebp), %eax
    mov %ax, gdt_places + 2(%ebp)
    shr $16, %eax
    mov %al, gdt_places + 4(%ebp)
    mov %ah, gdt_places + 7(%ebp)
    ret

    /* Interrupt gates, all to the one handler of their mode (SDM 3A §6.11, §6.14.1). */
set_gates:
    lea handler32(%ebp), %eax
    lea handler64(%ebp), %ebx
    lea idt32(%ebp), %edi
    lea idt64(%ebp), %esi
    mov $GATES, %ecx
1:  mov %ax, (%edi)
    movw $CODE32, 2(%edi)
    movw $0x8e00, 4(%edi)
    mov %bx, (%esi)
    movw $CODE64, 2(%esi)
    movw $0x8e00, 4(%esi)
    mov %eax, %edx
    shr $16, %edx
    mov %dx, 6(%edi)
    mov %ebx, %edx
    shr $16, %edx
    mov %dx, 6(%esi)
    add $8, %edi
    add $16, %esi
    loop 1b
    ret

    /* Linear = physical, but for the hole. */
set_pages:
    lea pages(%ebp), %edi
    lea 0x1003(%edi), %eax
    mov %eax, (%edi)
    lea 0x2000(%edi), %esi
    mov $HOLE, %ecx
    lea 0x1000(%edi), %edx
    lea 3(%esi), %eax
1:  mov %eax, (%edx)
    add $0x1000, %eax
    add $8, %edx
    loop 1b
    mov $LARGE_PAGE, %eax
    mov $HOLE * 512, %ecx
1:  mov %eax, (%esi)
    add $0x200000, %eax
    add $8, %esi
    loop 1b
    /* The last of them is read-only. */
    andb $~2, -8(%esi)
    ret

    /* Vectors, and a stack of zeros. */
set_low_memory:
    mov $LOW_IVT, %edi
    mov $handler16 - region16 + (LOW_SEGMENT << 16), %eax
    mov $256, %ecx
    rep stosl
    xor %eax, %eax
    mov $LOW_STACK_SEGMENT << 4, %edi
    mov $0x4000, %ecx
    rep stosl
    ret

    /* Scratch memory and the 16-bit code. */
copy_scratch:
    lea scratch(%ebp), %esi
    mov $LOW_SCRATCH_SEGMENT << 4, %edi
    mov $SCRATCH_BYTES / 4, %ecx
    rep movsl
    lea region16(%ebp), %esi
    mov $LOW_SEGMENT << 4, %edi
    mov $REGION_BYTES / 4, %ecx
    rep movsl
    ret

handler32:
    mov %fs:STACK, %esp
    jmp *%fs:RESUME

    .code64
handler64:
    mov %fs:STACK, %rsp
    jmp *%fs:RESUME

    /* Runs as a copy in low memory: addresses are distances from region16. */
    .section .data
    .balign 4096
    .code16
    .globl region16
region16:
    jmp *%cs:LOW_PLACES + EXIT
    .org region16 + LOW_PLACES
    .globl low_places
low_places:
    .skip EXIT
    .short back16 - region16
    .org low_places + PLACES_BYTES
low_base:
    .long 0
low_ivt:
    .short 0x3ff
    .long LOW_IVT
    /* from_real_mode: its offset is only known at run time. */
low_return:
    .long 0
    .short CODE32

enter16:
    mov %cr0, %eax
    and $~CR0_PE, %eax
    mov %eax, %cr0
    ljmp $LOW_SEGMENT, $real_mode - region16
real_mode:
    mov %cs, %ax
    mov %ax, %ds
    lidt low_ivt - region16
    mov low_base - region16, %ebp
    add $from_real_mode, %ebp
    mov %ebp, low_return - region16
    mov $LOW_STACK_SEGMENT, %ax
    mov %ax, %ss
    mov $LOW_STACK_TOP, %esp
    jmp region16

back16:
    cli
    cld
    mov %cr0, %eax
    or $CR0_PE, %eax
    mov %eax, %cr0
    ljmpl *%cs:low_return - region16

handler16:
    mov $LOW_STACK_TOP, %esp
    jmp *%cs:LOW_PLACES + RESUME
    .org region16 + REGION_BYTES
