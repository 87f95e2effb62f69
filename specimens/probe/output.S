/* From templates and bytes to the port and the checksum; a part of report.S. */

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
