import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import t from 'tap';
import { bytesAt, parseElf } from '../elf/elf-image.ts';
import { assemble, run } from '../elf/testdata/assemble.ts';
import { loadDisassembler } from './disassembler.ts';
import { type Instruction, type Operand } from './instruction.ts';

const disassembler = await loadDisassembler();

/** Early boot's vocabulary: what it does to segments, tables, control registers and memory. */
const EARLY_BOOT_32 = `
  cli; cld; lgdt 0x10(%esi); lidt %cs:0x1000
  mov $0x18,%ecx; mov %ecx,%ds; mov %ds,%eax; mov %fs:0x10,%eax; mov %eax,%gs:(%ebx)
  call 1f
1: pop %esi; sub $0x200025,%esi; lea 0x484600(%esi),%edi; lea -8(%edi,%ecx,4),%eax
  movl $0x80000000,-4(%ebp); movb $1,(%eax); cmpl $0x2badb002,%eax; orl $-1,%eax
  rep stosl; rep movsl; lodsb; add %edx,0x1000(%edi,%eax,8); shl $12,%edx; bts $8,%eax
  je 1b; jb 2f; jmp *%eax; jmp *0x10(%esi); ljmp $8,$0x201000; ljmp *(%ecx)
2: mov %cr0,%eax; mov %eax,%cr3; mov $0xc0000080,%ecx; rdmsr; wrmsr; cpuid; rdtsc
  push $0x10; push %eax; lret; ret; ret $8; iret; int $0x80; int3; ud2; hlt; in $0x80,%al; outb %al,(%dx)
  mov 0x402000,%eax; addr16 mov -2(%bp,%si),%ax; xchg %eax,%ecx; movzbl (%eax),%edx
`;

const EARLY_BOOT_64 = `
  mov 0x1234(%rip),%rax; lea -0x73(%rip),%r15; movabs $0x123456789abcdef0,%rcx; mov $-1,%rdx
  mov %rsp,%cr3; push %rbx; pop %r9; movl $5,8(%r12,%r13,2); lretq; iretq; sysretq; swapgs
  call *%rax; jmp *0x10(%rip); xor %esi,%esi; cmpq $0,(%rbp,%rcx,1); mov %gs:0x28,%rax; testb $1,0xffffffff80000000
`;

/** Where objdump spells the same instruction otherwise. */
const OBJDUMP_SPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/\s*[<#].*$/, ''],
  [/\s+/g, ' '],
  [/%[de]s:(?=\(%[er]?[ds]i\))/g, ''],
  [/\(%dx\)/, '%dx'],
  [/,1\)/g, ')'],
  [/(?<![\da-fx])(0x)?0(?=\()/g, ''],
  [/^(l[gi]dt)l/, '$1'],
  [/^(jmp|call)[lq](?= \*)/, '$1'],
  [/0x/g, ''],
];

function comparable(text: string): string {
  return OBJDUMP_SPELLINGS.reduce((seen, [ours, plain]) => seen.replace(ours, plain), text).trim();
}

function only(hex: string, bitness: 16 | 32 | 64, address = 0x200000n): Instruction {
  const instructions = disassembler.decode(Buffer.from(hex, 'hex'), { bitness, address });
  const [instruction] = instructions;
  if (!instruction || instructions.length > 1) throw new Error(`${hex} is not one instruction`);
  return instruction;
}

function operands(hex: string, bitness: 16 | 32 | 64, address?: bigint): readonly Operand[] {
  return only(hex, bitness, address).operands;
}

t.test('objdump cuts and spells the same', (t) => {
  for (const [elfClass, source] of [
    [32, EARLY_BOOT_32],
    [64, EARLY_BOOT_64],
  ] as const) {
    const path = assemble(t.testdir(), `.globl _start\n_start:${source}`, elfClass, ['-Ttext=0x200000']);
    const said = [...run('objdump', ['-dw', path]).matchAll(/^ *([0-9a-f]+):\t([0-9a-f ]+)\t(.*)$/gm)];
    const size = said.reduce((sum, line) => sum + (line[2] ?? '').trim().split(' ').length, 0);
    const bytes = bytesAt(parseElf(readFileSync(path)), 0x200000n, size) ?? new Uint8Array();
    const decoded = disassembler.decode(bytes, { bitness: elfClass, address: 0x200000n });
    t.ok(said.length > 15);
    t.strictSame(
      decoded.map((i) => [i.address, i.length]),
      said.map((line) => [BigInt(`0x${line[1]}`), (line[2] ?? '').trim().split(' ').length]),
    );
    t.strictSame(
      decoded.map((i) => comparable(i.text)),
      said.map((line) => comparable(line[3] ?? '')),
    );
  }
  t.end();
});

t.test('flow: where control goes', (t) => {
  const cases: [string, string, Instruction['flow']][] = [
    ['90', 'nop', 'next'],
    ['f4', 'hlt', 'next'],
    ['ebfe', 'jmp', 'jump'],
    ['ffe0', 'jmp', 'jump'],
    ['ea001020000800', 'jmp', 'jump'],
    ['72f0', 'jb', 'conditional'],
    ['e2fe', 'loop', 'conditional'],
    ['e800000000', 'call', 'call'],
    ['ffd0', 'call', 'call'],
    ['c3', 'ret', 'return'],
    ['cb', 'retf', 'return'],
    ['cf', 'iretd', 'return'],
    ['cd80', 'int', 'interrupt'],
    ['0f0b', 'ud2', 'other'],
  ];
  for (const [hex, mnemonic, flow] of cases) t.match(only(hex, 32), { mnemonic, flow });
  t.end();
});

t.test('registers, immediates and targets', (t) => {
  t.strictSame(operands('8ed9', 32), [
    { kind: 'register', register: 'ds' },
    { kind: 'register', register: 'ecx' },
  ]);
  t.match(operands('0f22c0', 32), [{ register: 'cr0' }, { register: 'eax' }]);
  const value = (hex: string, bitness: 16 | 32 | 64): unknown =>
    operands(hex, bitness).find((operand) => operand.kind === 'immediate')?.value;
  t.equal(value('b8ffffffff', 32), 0xffffffffn);
  t.equal(value('83c8ff', 32), 0xffffffffn, 'sign extension is done');
  t.equal(value('6683c8ff', 32), 0xffffn);
  t.equal(value('4883c8ff', 64), 0xffffffffffffffffn);
  t.equal(value('48c7c000000080', 64), 0xffffffff80000000n);
  t.equal(value('48b8f0debc9a78563412', 64), 0x123456789abcdef0n);
  t.strictSame(operands('ea785634120800', 32), [{ kind: 'far', selector: 8, offset: 0x12345678n }]);
  t.strictSame(operands('ea00f000f0', 16), [{ kind: 'far', selector: 0xf000, offset: 0xf000n }]);
  t.strictSame(operands('ebfe', 64, 0xffff_82d0_4020_0000n), [
    { kind: 'branch', target: 0xffff_82d0_4020_0000n },
  ]);
  t.strictSame(operands('ebf0', 32, 0n), [{ kind: 'branch', target: 0xfffffff2n }], '32-bit targets wrap');
  t.strictSame(operands('ebf0', 16, 0n), [{ kind: 'branch', target: 0xfff2n }]);
  t.end();
});

t.test('memory operands: parts, sign, segment, size', (t) => {
  const memory = (hex: string, bitness: 16 | 32 | 64, address?: bigint): Operand | undefined =>
    operands(hex, bitness, address).find((operand) => operand.kind === 'memory');
  const kind = 'memory';
  t.strictSame(memory('8b45f0', 32), {
    kind,
    base: 'ebp',
    scale: 1,
    displacement: -0x10n,
    segment: 'ss',
    sizeBytes: 4,
  });
  t.match(memory('8db48f00002080', 32), { base: 'edi', index: 'ecx', scale: 4, displacement: -0x7fe00000n });
  t.equal((memory('8d8600002000', 32) as { sizeBytes: number }).sizeBytes, 0, 'lea accesses nothing');
  t.match(memory('c705000000f001000000', 32), { displacement: 0xf0000000n, segment: 'ds' }, 'absolute');
  t.match(memory('64a110000000', 32), { displacement: 0x10n, segment: 'fs' });
  t.match(memory('678944f0', 32), { base: 'si', displacement: -0x10n });
  t.match(memory('8b42f0', 16), { base: 'bp', index: 'si', displacement: -0x10n, segment: 'ss' });
  t.match(memory('8b0425f0ffffff', 64), { displacement: 0xfffffffffffffff0n });
  t.match(memory('8b8000000080', 64), { base: 'rax', displacement: -0x80000000n });
  t.match(memory('ff25f0ffffff', 64, 0xffff_82d0_4020_0000n), {
    base: 'rip',
    displacement: -0x10n,
    ripRelative: 0xffff_82d0_401f_fff6n,
    sizeBytes: 8,
  });
  t.match(operands('26a5', 32), [
    { base: 'edi', segment: 'es', sizeBytes: 4 },
    { base: 'esi', segment: 'es', sizeBytes: 4 },
  ]);
  t.end();
});

t.test('what is no instruction, and where decoding ends', (t) => {
  const shown = (hex: string, limit?: number): unknown =>
    disassembler
      .decode(Buffer.from(hex, 'hex'), {
        bitness: 32,
        address: 0x200000n,
        ...(limit !== undefined && { limit }),
      })
      .map((i) => [Number(i.address - 0x200000n), i.length, i.text]);
  t.strictSame(shown('ffffc3'), [
    [0, 1, '(bad)'],
    [1, 2, 'inc %ebx'],
  ]);
  t.strictSame(shown('90e92d'), [
    [0, 1, 'nop'],
    [1, 2, '(cut short)'],
  ]);
  t.strictSame(shown('909090', 2), [
    [0, 1, 'nop'],
    [1, 1, 'nop'],
  ]);
  t.strictSame(shown('909090', 0), []);
  t.strictSame(shown(''), []);
  t.strictSame(shown('66'.repeat(15) + '90', 1), [[0, 1, '(bad)']], 'longer than 15 bytes');
  const [bad] = disassembler.decode(Uint8Array.of(0xff, 0xff), { bitness: 32, address: 0n });
  t.match(bad, { mnemonic: '(bad)', flow: 'other', operands: [], bytes: Uint8Array.of(0xff) });
  t.end();
});

t.test('addresses wrap at 64 bits, bytes are a copy', (t) => {
  const bytes = Uint8Array.of(0x90, 0x90);
  const decoded = disassembler.decode(bytes, { bitness: 64, address: 0xffff_ffff_ffff_ffffn });
  bytes[0] = 0xcc;
  t.match(decoded, [{ address: 0xffff_ffff_ffff_ffffn, bytes: Uint8Array.of(0x90) }, { address: 0n }]);
  t.end();
});

t.test('what it makes in WebAssembly memory it frees', (t) => {
  const code = Uint8Array.of(0x90, 0xff, 0xff);
  const round = (): void => {
    for (let turn = 0; turn < 4000; turn++) disassembler.decode(code, { bitness: 64, address: 0n });
  };
  round();
  const before = wasmMemoryBytes();
  round();
  t.equal(wasmMemoryBytes(), before);
  t.end();
});

function wasmMemoryBytes(): number {
  const iced = createRequire(import.meta.url)('iced-x86') as {
    readonly __wasm: { readonly memory: { readonly buffer: ArrayBuffer } };
  };
  return iced.__wasm.memory.buffer.byteLength;
}
