/**
 * CLAIM: of two stores of the same number the one is told to store an address of the image and the other data, by where the
 * number came from; and following does not change what is followed.
 */
import t, { type Test } from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import type { Cpu } from '../x86/execute/cpu.ts';
import { alone, follow, type SmallImage } from './testdata/small-image.ts';

const disassembler = await loadDisassembler();

type Case = readonly [title: string, image: SmallImage | string, stores: readonly string[]];
const address = '0x201000 address';
const data = '0x201234 data';
const pointer = '0x201040 address';

function check(cases: readonly Case[]) {
  return (t: Test): void => {
    for (const [title, given, expected] of cases) {
      const image = typeof given === 'string' ? { code: given } : given;
      const { stores, cpu, end } = follow(disassembler, image);
      t.same(stores, expected, title);
      t.equal(end?.kind, 'halted', `${title}: it ends`);
      const other = alone(disassembler, image);
      t.same(cpu.state(), other.state(), `${title}: the state is the same`);
      t.same(changedPages(cpu, other), [], `${title}: so is memory`);
    }
    t.end();
  };
}

function changedPages({ physical }: Cpu, other: Cpu): number[] {
  const changed = [...other.physical.pages()].filter(
    ({ frame, bytes }) => Buffer.compare(physical.page(frame).bytes, bytes) !== 0,
  );
  return changed.map(({ frame }) => frame);
}

t.test(
  'numbers in instructions',
  check([
    ['mov $sym,%eax; mov %eax,0xa000', 'b800102000a300a00000', [address]],
    ['movl $sym,0xa000', 'c70500a0000000102000', [address]],
    ['push $sym', '6800102000', [address]],
    ['lea sym,%eax; push %eax', '8d050010200050', [address]],
    ['lea sym(,%ecx,4),%eax; push %eax', '8d048d0010200050', [address]],
    ['xor %eax,%eax; add $sym,%eax; push %eax', '31c0050010200050', [address]],
    ['mov $start,%eax; push %eax', 'b80000200050', ['0x200000 address']],
  ]),
);

t.test(
  'with the base they point into the loaded image, and nobody asks',
  check([
    ['mov $sym,%eax; add %esi,%eax; mov %eax,0xa000', 'b80010200001f0a300a00000', []],
    ['lea sym(%esi),%eax; mov %eax,0xa000', '8d8600102000a300a00000', []],
    ['movabs $high half,%rax; mov %rax,(%rsp)', { bitness: 64, code: '48b800102000d082ffff48890424' }, []],
    ['lea 0x1000(%rip),%rax; mov %rax,(%rsp)', { bitness: 64, code: '488d050010000048890424' }, []],
  ]),
);

t.test(
  'data that looks like an address',
  check([
    ['from boot information', 'a100a10000a300a00000', [data]],
    ['pushed from there', 'ff3500a10000', [data]],
    [
      'a product: imul $0x201,%ecx,%eax; mov %eax,0xa000',
      { code: '69c101020000a300a00000', state: { rcx: 0x1000n } },
      ['0x201000 data'],
    ],
    ['a number that is shifted into range', 'b800081000d1e050', ['0x201000 data']],
    ['the size of a large page, added', '31c0050000200050', ['0x200000 data']],
    ['a flag, set: or $0x200000,%ebx; push %ebx', '81cb0000200053', ['0x200000 data']],
    ['a mask: or $-1,%eax; and $0x202fff,%eax; push %eax', '83c8ff25ff2f200050', ['0x202fff data']],
    ['a register that somebody else set', { code: '50', state: { rax: 0x20_1000n } }, ['0x201000 data']],
    ['the distance of two bases', { code: '56', state: { rsi: 0x20_0000n } }, ['0x200000 data']],
    ['rdtsc and the like', { code: '0f3150', state: { rax: 0x20_1000n } }, []],
  ]),
);

t.test(
  'pointers that were built into the image',
  check([
    ['mov 0x801000,%eax; push %eax', 'a10010800050', [pointer]],
    ['rep movsl', 'fcbe00108000bf00a00000b901000000f3a5ff3500a00000', [pointer]],
    ['rep movsb', 'fcbe00108000bf00a00000b904000000f3a4ff3500a00000', [pointer]],
    ['downwards', 'fdbe03108000bf03a00000b904000000f3a4ff3500a00000', [pointer]],
    ['movsw twice', 'fcbe00108000bf00a0000066a566a5ff3500a00000', [pointer]],
    ['lodsl', 'fcbe00108000ad50', [pointer]],
    ['movslq 0x801000,%r12; push %r12', { bitness: 64, code: '4c632425001080004154' }, [pointer]],
    ['in the copy where it was linked', 'b8001020008b0050', [pointer]],
    ['movsl of boot information', 'fcbe00a10000bf00a00000a5ff3500a00000', [data]],
    ['overwritten by data', 'a100a10000a3001080008b0d00108000890d00a00000', [data, data]],
  ]),
);

t.test(
  'copies',
  check([
    ['push %eax; pop %ecx', 'b8001020005059890d00a00000', [address, address]],
    ['xchg %eax,%ecx', 'b80010200091890d00a00000891d04a00000', [address]],
    ['xchg with data', 'b8001020008b0d00a1000091890d00a00000a304a00000', [address, data]],
    ['xchg %eax,0xa000', 'b8001020008b1d00a10000891d00a00000870500a00000a308a00000', [data, address, data]],
    ['pusha; popa', 'b9001020006031c961890d00a00000', [address]],
    ['pusha; mov 0x10(%esp),%eax', 'bb00102000608b442410a300a00000', [address]],
    ['push %ebp; mov %esp,%ebp; leave', 'bd001020005589e5c9892d00a00000', [address, address]],
    ['cmove', 'b80010200039c00f44c8890d00a00000', [address]],
    ['cmovne that is not taken', '8b0d00a10000b80020200039c00f45c8890d00a00000', [data]],
    ['over the end of a page', 'b800102000a3feaf0000ff35feaf0000', [address, address]],
    ['rep stosl', 'b800102000fcbf00a00000b903000000f3abff3508a00000', [address, address]],
    ['rep stosl of data', 'a100a10000fcbf00a00000b903000000f3abff3508a00000', [data, data]],
    ['in 64-bit mode', { bitness: 64, code: 'b8001020005041594c894c24f8' }, [address, address]],
    ['mov %eax,%eax', { bitness: 64, code: 'b80010200089c050' }, [address]],
    ['data of 64 bits', { bitness: 64, code: '488b042500a1000048890424' }, [data]],
  ]),
);

t.test(
  'addresses that are computed with',
  check([
    ['sub $0x10,%eax', 'b80010200083e81050', ['0x200ff0 address']],
    ['inc %eax', 'b8001020004050', ['0x201001 address']],
    ['mov $0x63,%al', 'b800102000b06350', ['0x201063 address']],
    [
      'mov $stack,%esp; push %eax; pop %eax; mov %esp,0xa000',
      'bc002020005058892500a00000',
      ['0x202000 address'],
    ],
    ['orb $0x63,(entry)', 'b800102000a300a00000800d00a0000063ff3500a00000', [address, '0x201063 address']],
    ['two halves', 'b80010200066a300a0000066a100a0000050', [address]],
    [
      'the difference of two: sub %ecx,%eax',
      { code: 'b800300000b90018000029c8a300a00000', linkBase: 0x1000 },
      ['0x1800 data'],
    ],
    ['sub $sym,%eax', { code: 'b8003000002d00180000a300a00000', linkBase: 0x1000 }, ['0x1800 data']],
  ]),
);

t.test(
  'wherever the code is',
  check([
    [
      'lea 0x1000(%rip),%rax where it was linked',
      { bitness: 64, code: '488d050010000048890424', at: 0x20_0000 },
      ['0x201007 address'],
    ],
    [
      'call; pop %rax; push %rax',
      { bitness: 64, code: 'e8000000005850', at: 0x20_0000 },
      ['0x200005 address'],
    ],
    ['an instruction in two pages', { code: 'b800102000a300a00000', offset: 0xffd }, ['0x201000 address']],
    ['64-bit', { bitness: 64, code: '48b8001020000000000048890424' }, [address]],
  ]),
);

t.test('paging: an address stored through one mapping is found through another', (t) => {
  // 4 MiB pages: linear 4 MiB is physical 0, too
  const paged: SmallImage = {
    code: 'b800102000a300a04000ff3500a00000',
    state: { cr0: 0x8000_0011n, cr3: 0x1_0000n, cr4: 0x10n },
    memory: { 0x1_0000: 0x83, 0x1_0004: 0x83, 0x1_0008: 0x80_0083 },
  };
  check([['mov %eax,0x40a000; pushl 0xa000', paged, [address, address]]])(t);
});

t.test('a fault is the guest’s, and nothing is learnt from what was not executed', (t) => {
  const image: SmallImage = {
    // mov $sym,%eax; mov %eax,0xc00000: not mapped, no handler
    code: 'b800102000a30000c000',
    state: { cr0: 0x8000_0011n, cr3: 0x1_0000n, cr4: 0x10n },
    memory: { 0x1_0000: 0x83, 0x1_0008: 0x80_0083 },
  };
  const { cpu, end } = follow(disassembler, image);
  t.equal(end?.kind, 'triple fault');
  t.same(cpu.state(), alone(disassembler, image).state());
  t.end();
});

t.test('outside writes', (t) => {
  // mov $sym,%eax; mov %eax,0xa000; nop; pushl 0xa000
  const image: SmallImage = { code: 'b800102000a300a0000090ff3500a00000' };
  const load = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
  const told = follow(disassembler, image, (executed, origins) => {
    if (executed === 2) origins.outsideWrote(0x9fff, 0x1001);
  });
  t.same(told.stores, [address, '0x201000 data'], 'the same number, written by somebody else');
  const untold = follow(disassembler, image, (executed, _origins, cpu) => {
    if (executed === 2) cpu.physical.load(0xa000, load(0x20_1004));
  });
  t.same(untold.stores, [address, '0x201004 data'], 'another number is noticed');
  const resumed = follow(disassembler, { code: 'b80010200050' }, (executed, _origins, cpu) => {
    if (executed === 1) cpu.words[0] = 0x20_1008;
  });
  t.same(resumed.stores, ['0x201008 data'], 'so is one in a register');
  t.end();
});
