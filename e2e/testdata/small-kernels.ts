/** Multiboot2 kernels of a few instructions, relocatable unless they say otherwise: made with as and ld. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assemble } from '../../harness/elf/testdata/assemble.ts';

const LINK_BASE = 0x40_0000;

/** Multiboot2 Specification 2.0 §3.1.13: anywhere, page aligned, as low as it goes. */
const RELOCATABLE = '.short 10, 0; .long 24, 0x100000, 0xffffffff, 0x1000, 1';
/** Of no specification, and required (§3.1.3). */
const UNKNOWN_TAG = '.short 0x4c42, 0; .long 8';
/** §3.1.5 and §3.1.6: header, load, load end and BSS end; then the entry. */
const FLAT = `.short 2, 0; .long 24, header, header, end, end
  .balign 8; .short 3, 0; .long 12, entry`;

/** A stack in low memory, what it says, wherever it is; the 8259s silent. The 16550's FIFO is endless in QEMU. */
const SPEAK = `
  mov $0x9f000, %esp
  call 1f
  1: pop %esi
  add $(words - 1b), %esi
  mov $0x3f8, %dx
  2: lodsb
  test %al, %al
  jz 3f
  out %al, %dx
  jmp 2b
  3: mov $0xff, %al
  out %al, $0x21
  out %al, $0xa1`;
const IDLE = `${SPEAK}; sti; 4: hlt; jmp 4b`;

interface Recipe {
  readonly tags: string;
  readonly code: string;
  /** As it stands in memory, without ELF around it. */
  readonly flat?: true;
}

const KERNELS = {
  /** Says Welcome, and idles with interrupts on. */
  welcome: { tags: RELOCATABLE, code: IDLE },
  /** Says Welcome, and halts for good. */
  'halts-for-good': { tags: RELOCATABLE, code: `${SPEAK}; cli; 4: hlt; jmp 4b` },
  /** Its first instructions are as they should be; then there is no interrupt table. */
  'triple-fault': {
    tags: RELOCATABLE,
    code: `${SPEAK}; sub $8, %esp; movl $0, (%esp); movl $0, 4(%esp); lidt (%esp); ud2`,
  },
  'unknown-tag': { tags: UNKNOWN_TAG, code: IDLE },
  flat: { tags: FLAT, code: IDLE, flat: true },
} as const satisfies Readonly<Record<string, Recipe>>;

export type SmallKernel = keyof typeof KERNELS;

const source = ({ tags, code }: Recipe): string => `
  .code32
  .text
  .balign 8
  .globl _start
  header: .long 0xe85250d6, 0, header_end - header, -(0xe85250d6 + header_end - header)
  ${tags}
  .balign 8
  .short 0, 0
  .long 8
  header_end:
  _start:
  entry: ${code}
  words: .asciz "Welcome to the smallest kernel\\r\\n"
  .balign 16
  end:
`;

/** @returns the path of the kernel, made in a folder of its own within `folder`. */
export function smallKernel(folder: string, name: SmallKernel): string {
  const recipe: Recipe = KERNELS[name];
  const at = join(folder, name);
  mkdirSync(at, { recursive: true });
  const format = recipe.flat ? ['--oformat=binary'] : ['-z', 'noexecstack'];
  return assemble(at, source(recipe), 32, [
    `-Ttext=0x${LINK_BASE.toString(16)}`,
    '--build-id=none',
    ...format,
  ]);
}

export function smallKernelBytes(folder: string, name: SmallKernel): Buffer {
  return readFileSync(smallKernel(folder, name));
}
