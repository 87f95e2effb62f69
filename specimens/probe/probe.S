/*
 * probe: a tiny Multiboot2 kernel that tells what it was handed.
 *
 * Claim: whatever address below 4 GiB a Multiboot2 loader puts it at, and whichever of the two entries it takes (32-bit,
 * or EFI amd64), it says on COM1, in one record with a checksum: where it runs, its registers at entry, A20, whether
 * each of its segments arrived whole and its BSS clear, and every byte of the boot information.
 *
 * Why: a hypervisor that boots proves little about its loader: it looks at few of these. The probe looks at all of them,
 * and judges nothing; harness/probe/ reads the record, and the rules are the harness's.
 *
 * What it touches: nothing outside its own image, but for four bytes that are put back (multiboot32_entry). It calls no
 * firmware. Its own scratch memory is `scratch` in .data; the BSS is never written, so that it can be looked at.
 *
 * Flags of the build (-D; harness/specimen/ has the table), which combine:
 *   SEGMENTS HIGH_VADDR LARGE_BSS NO_BOOT_SERVICES FIXED          other images
 *   GARBAGE HALF WRONG_CHECKSUM ENDLESS TWICE SILENT              images that do not tell the truth, for tests
 *
 * Source: Multiboot2 specification 2.0, §3.1 (header), §3.3 and §3.5 (machine state), §3.6 (boot information).
 */
#include "places.h"
#include "variant.h"

#define HEADER_MAGIC 0xe85250d6
#define ENTRY_MAGIC 0x36d76289
#define OPTIONAL 1
#define COM1 0x3f8
#define COM1_LINE_STATUS 0x3fd
#define TRANSMITTER_EMPTY 0x20
/*
 * Looks at the line status before the port is given up: minutes, where a character takes 87 microseconds. QEMU holds the
 * port while the reader of its socket, or its own main loop, waits for a CPU of a busy host: seconds were seen.
 */
#define PATIENCE 0x10000000
/* Of the boot information. A loader's is a few KiB. */
#define MAX_SHOWN 0x10000
#define BYTES_A_LINE 32

    /* Else the linker names the compiler's temporary file, which has another name each time. */
    .file "probe.S"

    .section .header, "a"
    .balign 8
header:
    .long HEADER_MAGIC, 0, header_end - header, -(HEADER_MAGIC + header_end - header)

    /* Information request: every tag the specification has, none of them a must. */
    .balign 8
1:  .short 1, OPTIONAL
    .long 2f - 1b
    .long 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21
2:
    /* Modules on page boundaries. */
    .balign 8
    .short 6, OPTIONAL
    .long 8
#ifndef NO_BOOT_SERVICES
    /* Boot services stay, and then the EFI amd64 entry is taken. Addresses in a header are physical. */
    .balign 8
    .short 7, OPTIONAL
    .long 8
    .balign 8
    .short 9, OPTIONAL
    .long 12, efi64_entry - VADDR_SHIFT
#endif
#ifndef FIXED
    .balign 8
    .short 10, OPTIONAL
    .long 24, 0x100000, 0xffffffff, 0x1000, 0
#endif
    .balign 8
    .short 0, 0
    .long 8
header_end:

    .section .data, "aw"
    .balign 16
scratch:
    .skip 8 * PLACES
    .balign 16
    .skip 1024
stack_top:
scratch_end:
    .asciz "the probe's data segment"

#ifdef SEGMENTS
    /* Loaded before the BSS in front of it is cleared: a clear that goes too far shows in its checksum. */
    .section .tail, "aw"
    .rept 64
    .ascii "tail"
    .endr
#endif

    .section .bss, "aw", @nobits
    .skip BSS_SIZE

    .section .rodata, "a"
    .balign 4
    /* Of the CRC-32 of IEEE 802.3, reflected (0xedb88320), for four bits at a time. */
crc_table:
    .long 0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c
    .long 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c
    /* Physical link address, size in the file, size in memory; in the order of the program headers. */
segments:
#ifdef SEGMENTS
    .long tail_link, tail_filesz, tail_filesz
    .long text_link, text_filesz, text_filesz
    .long rodata_link, rodata_filesz, rodata_filesz
    .long data_link, data_filesz, data_memsz
#else
    .long image_link, image_filesz, image_memsz
#endif
segments_end:

    .text
    /*
     * The 32-bit entry: no stack, no free register, and no way to learn EIP but a call, which writes. It writes over the
     * word of the boot information's fixed part that the specification reserves, and puts back what was there. Until
     * then registers are kept where no memory is needed: CR2, and debug registers that nothing enables. Where EAX
     * says that EBX is not to be believed, the loader's stack is the only other place.
     * Interrupts go off as soon as the flags, which a loader must have IF clear in, are kept.
     */
    .code32
    .globl multiboot32_entry
multiboot32_entry:
    mov %esp, %cr2
    mov %eax, %dr0
    mov %ecx, %dr1
    lea -ENTRY_MAGIC(%eax), %ecx
    jecxz 1f
    jmp 2f
1:  lea 8(%ebx), %esp
2:  mov -4(%esp), %ecx
    call here
here:
    pop %eax
    mov %ecx, -4(%esp)
    lea (stack_top - here)(%eax), %esp
    pushfl
    cli
    cld
    popl (SLOT(FLAGS_) - here)(%eax)
    mov %ebx, (SLOT(BX_) - here)(%eax)
    mov %edx, (SLOT(DX_) - here)(%eax)
    mov %esi, (SLOT(SI_) - here)(%eax)
    mov %edi, (SLOT(DI_) - here)(%eax)
    mov %ebp, (SLOT(BP_) - here)(%eax)
    mov %eax, %ebp
    sub $here, %ebp
    mov %dr0, %eax
    mov %eax, SLOT(AX_)(%ebp)
    mov %dr1, %eax
    mov %eax, SLOT(CX_)(%ebp)
    mov %cr2, %eax
    mov %eax, SLOT(SP_)(%ebp)
    jmp report32

    /* The EFI amd64 entry. The loader's stack is looked at, not used: it is the firmware's. */
    .code64
    .globl efi64_entry
efi64_entry:
    mov %rsp, SLOT(SP_)(%rip)
    lea stack_top(%rip), %rsp
    pushfq
    cli
    cld
    popq SLOT(FLAGS_)(%rip)
    mov %rax, SLOT(AX_)(%rip)
    mov %rbx, SLOT(BX_)(%rip)
    mov %rcx, SLOT(CX_)(%rip)
    mov %rdx, SLOT(DX_)(%rip)
    mov %rsi, SLOT(SI_)(%rip)
    mov %rdi, SLOT(DI_)(%rip)
    mov %rbp, SLOT(BP_)(%rip)
    mov %r8, SLOT(R8_)(%rip)
    mov %r9, SLOT(R9_)(%rip)
    mov %r10, SLOT(R10_)(%rip)
    mov %r11, SLOT(R11_)(%rip)
    mov %r12, SLOT(R12_)(%rip)
    mov %r13, SLOT(R13_)(%rip)
    mov %r14, SLOT(R14_)(%rip)
    mov %r15, SLOT(R15_)(%rip)
    lea efi64_entry(%rip), %ebp
    sub $efi64_entry, %ebp
    jmp report64

#define BITS 32
#define L(name) name##32
#define AX %eax
#define CX %ecx
#define DX %edx
#define SI %esi
#define DI %edi
#define ENTRY_NAME "multiboot32"
#include "report.S"
#undef BITS
#undef L
#undef AX
#undef CX
#undef DX
#undef SI
#undef DI
#undef ENTRY_NAME

#define BITS 64
#define L(name) name##64
#define AX %rax
#define CX %rcx
#define DX %rdx
#define SI %rsi
#define DI %rdi
#define ENTRY_NAME "efi64"
#include "report.S"
