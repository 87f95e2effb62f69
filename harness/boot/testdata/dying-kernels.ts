/** Multiboot2 kernels of a few instructions, each with one way to die. Built with as and ld. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hex } from '../../bits/hex.ts';
import { assemble } from '../../elf/testdata/assemble.ts';

/** Where they are linked and loaded; their first instruction is there, too. */
export const LINK_BASE = 0x40_0000;

/** Multiboot2 specification 1.6, §3.1: magic, tags, end tag. */
function header(tags: string): string {
  return `
  .code32
  .text
  .globl _start
  _start: jmp entry
  .balign 8
  header: .long 0xe85250d6, 0, header_end - header, -(0xe85250d6 + header_end - header)
  ${tags}
  .balign 8
  .short 0, 0
  .long 8
  header_end:
  .macro say text
    mov $0x3f8, %dx
    mov $\\text, %esi
    9: lodsb
    test %al, %al
    jz 8f
    out %al, %dx
    jmp 9b
    8:
  .endm`;
}

/** §3.1.9 (boot services stay) and §3.1.11 (EFI amd64 entry): both optional, type and flags first. */
const EFI64_TAGS = `
  .short 7, 1
  .long 8
  .balign 8
  .short 9, 1
  .long 12, efi64_entry`;

const saying = (text: string) => `cli; say text; 1: hlt; jmp 1b; text: .asciz "${text}"`;

const BODIES = {
  'triple fault': 'cli; lidt nothing; int3; nothing: .quad 0',
  'keyboard reset': 'cli; mov $0xfe, %al; out %al, $0x64; 1: jmp 1b',
  'reset register': 'cli; mov $0xcf9, %dx; mov $6, %al; out %al, %dx; 1: jmp 1b',
  halt: 'cli; hlt',
  loop: 'cli; 1: jmp 1b',
  'short loop': 'cli; 1: inc %eax; pause; in $0x80, %al; test %eax, %ebx; jmp 1b',
  'endless characters': "cli; mov $0x3f8, %dx; mov $'x', %al; 1: out %al, %dx; jmp 1b",
  'endless lines': 'cli; 1: say text; jmp 1b; text: .asciz "again\\r\\n"',
  'early error': saying('ERR: Not a 64-bit CPU!'),
  panic: saying('PANIC: it hurts\\r\\n'),
  done: saying('DONE\\r\\n'),
  // Seconds of work with interrupts off, in many instructions and two places, then its word: not to be taken for dead.
  busy: `cli; mov $0x9000000, %ecx; 1: ${'add %ecx, %eax; '.repeat(24)} ${'xor %eax, %ebx; '.repeat(24)}
    call 2f; dec %ecx; jnz 1b; say text; 3: hlt; jmp 3b
    .balign 256; 2: push %eax; pop %eax; ret; text: .asciz "DONE\\r\\n"`,
  forger: saying('loadbase: loader started\\r\\nloadbase: loaded\\r\\n\\x1b[2J\\x1b[1;1Hgrub> \\r\\n'),
  'pretends an exception': saying(
    '!!!! X64 Exception Type - 0E(#PF - Page-Fault)  CPU Apic ID - 0 !!!!\\r\\n',
  ),
} as const;

export type DyingKernel = keyof typeof BODIES;
export const DYING_KERNELS = Object.keys(BODIES) as readonly DyingKernel[];

function build(folder: string, name: string, source: string): Buffer {
  const at = join(folder, name.replaceAll(' ', '-'));
  mkdirSync(at, { recursive: true });
  const link = [`-Ttext=${hex(LINK_BASE)}`, '--build-id=none', '-z', 'noexecstack'];
  return readFileSync(assemble(at, source, 32, link));
}

export function dyingKernel(folder: string, name: DyingKernel): Buffer {
  const body = BODIES[name].replaceAll('; ', '\n');
  return build(folder, name, `${header('')}\nentry: mov $0x9f000, %esp\n${body}\n`);
}

/** Entered in 64-bit mode with boot services alive: whoever faults there meets the firmware's own handlers. */
export function efiKernel(folder: string, body: string): Buffer {
  const source = `${header(EFI64_TAGS)}\nentry: hlt\n.code64\nefi64_entry:\n${body.replaceAll('; ', '\n')}\n`;
  return build(folder, 'efi', source);
}
