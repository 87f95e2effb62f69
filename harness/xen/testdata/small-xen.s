# A Xen in miniature: the symbols and the code patterns by which checkpoints are found, and the data that they judge.
# It is read, not run. Assembled for x86-64 and linked at Xen's virtual addresses, as xen-syms is.
.set V, 0xffff82d040000000
.macro present address, flags
.quad \address - V + \flags
.endm

.text
.code32
.globl _start
_start:
    jmp __start
.balign 8
header:
    .long 0xe85250d6, 0, header_end - header, -(0xe85250d6 + header_end - header)
relocatable:
    .word 10, 1
    .long 24, 0x200000, 0xffffffff, 0x200000, 2
boot_services:
    .word 7, 1
    .long 8
entry_efi64:
    .word 9, 1
    .long 12, efi_entry - V
.balign 8
    .word 0, 0
    .long 8
header_end:

.balign 64
__start:
    cld
    call 1f
1:  pop %esi
    sub $(1b - V), %esi
    jmp trampoline_setup

.balign 64
trampoline_setup:
    push %ebx
    push %eax
    call unrelated
    call reloc
    test %eax, %eax
    jz trampoline_setup
    mov $1, %edx
    lea __page_tables_start - V(%esi), %eax
    lea __page_tables_end - V(%esi), %edi
2:  test %edx, (%eax)
    jz 3f
    add %esi, (%eax)
3:  add $8, %eax
    cmp %edi, %eax
    jb 2b
after_loop:
    push $8
    push %eax
far_return:
    lret

unrelated:
    ret
reloc:
    ret

.code64
.balign 64
efi_entry:
    cli
    jmp x86_32_switch
.balign 64
x86_32_switch:
    lea unrelated(%rip), %rdi
    lea __image_base__(%rip), %rsi
after_lea:
    hlt

.balign 64
__high_start:
    mov $0, %eax
__start_xen:
    ret
init_frametable:
    ret

.balign 16
trampoline_start:
    mov $0, %eax                            # pretends to be 16-bit code
first_place:
    .long first_target - trampoline_start
first_target:
    .long 0x11223344
segment_place:
    .word 0
    .balign 4
second_place:
    .long trampoline_gdt - trampoline_start
trampoline_gdt:
    .quad 0, 0x00cf9a000000ffff
trampoline_end:
    .space 32, 0xee
__trampoline_rel_start:
    .long first_place - .
    .long second_place - .
__trampoline_rel_stop:
__trampoline_seg_start:
    .long segment_place - .
__trampoline_seg_stop:

boot_gdtr:
    .word 0x3f
    .quad boot_gdt
boot_gdt:
    .quad 0
gdt_boot_base:
    .long trampoline_gdt - V
trampoline_phys:
    .long 0
xen_phys_start:
    .quad 0
nr_initial_images:
    .quad 0
initial_images:
    .quad 0
kexec_crash_area:
    .quad 0, 0

.balign 4096
__page_tables_start:
.type l2_map, @object
l2_map:
    .quad 0
    .quad 0x2000e3
    .space 510 * 8
l3_map:
    .space 321 * 8
    present l2_map, 0x63
    .space 190 * 8
idle_pg_table:
    .space 261 * 8
    present l3_map, 0x63
    .space 250 * 8
__page_tables_end:
    .space 2048, 0xcc
