/*
 * bios-64bit-entry: a kernel that is entered in 64-bit mode and says so.
 *
 * Claim: a loader that was started by a BIOS, in 32-bit mode, switches to long mode and reaches this entry: COM1 then has
 * one line, `specimen: 64-bit entry reached`, and the CPU halts.
 *
 * Why: a loader's way from 32-bit code into a 64-bit kernel is code of its own, and few kernels ask for it; GRUB's was
 * broken until 2.12 (968928240), and there is nothing but a triple fault to see of that.
 *
 * Why it can tell: in 32-bit mode the first instruction would not find the text, for it would take a distance for an
 * address. Nothing is written and no stack is used.
 *
 * GRUB enters an ELF64 image so with `kfreebsd`, which puts it at its paddr below 256 MiB and wants a symbol table.
 */
#define COM1 0x3f8
#define COM1_LINE_STATUS 0x3fd
#define TRANSMITTER_EMPTY 0x20

    /* Else the linker names the compiler's temporary file, which has another name each time. */
    .file "entry.S"
    .code64
    .text
    .globl entry
entry:
    lea line(%rip), %rsi
next:
    movzbl (%rsi), %ebx
    test %ebx, %ebx
    jz stop
    inc %rsi
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
line:
    .asciz "\r\nspecimen: 64-bit entry reached\r\n"
