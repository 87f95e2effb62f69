import t from 'tap';
import { loadDisassembler } from '../disassembler.ts';
import { FLAG } from '../state/flags.ts';
import { oneInstruction } from './testdata/one-instruction.ts';

const run = oneInstruction(await loadDisassembler());
const { af, cf, zf, sf, pf } = FLAG;

/** Code, AX, flags before; AX, flags after; the flags that the SDM defines (SDM 2A, examples and pseudocode). */
type Case = readonly [
  code: string,
  ax: number,
  flags: number,
  after: number,
  flagsAfter: number,
  mask: number,
];

const CASES: readonly Case[] = [
  // ADD AL, BL of 0x79 and 0x35 gives 0xae; DAA makes it 0x14 with CF.
  ['27', 0xae, 0, 0x14, cf | af | pf, cf | af | zf | sf | pf],
  ['27', 0x2e, 0, 0x34, af, cf | af | zf | sf | pf],
  ['27', 0x00, cf, 0x60, cf | pf, cf | af | zf | sf | pf],
  ['27', 0x9a, 0, 0x00, cf | af | zf | pf, cf | af | zf | sf | pf],
  ['27', 0x12, 0, 0x12, pf, cf | af | zf | sf | pf],
  // SUB AL, BL of 0x35 and 0x47 gives 0xee with CF and AF; DAS makes it 0x88.
  ['2f', 0xee, cf | af, 0x88, cf | af | sf | pf, cf | af | zf | sf | pf],
  ['2f', 0x03, af, 0xfd, cf | af | sf, cf | af | zf | sf | pf],
  ['2f', 0x42, 0, 0x42, pf, cf | af | zf | sf | pf],
  ['37', 0x000b, 0, 0x0101, cf | af, cf | af],
  ['37', 0x00fb, 0, 0x0201, cf | af, cf | af],
  ['37', 0x0225, af, 0x030b, cf | af, cf | af],
  ['37', 0x0235, cf, 0x0205, 0, cf | af],
  ['3f', 0x020b, 0, 0x0105, cf | af, cf | af],
  ['3f', 0x0203, af, 0x000d, cf | af, cf | af],
  ['3f', 0x0245, cf, 0x0205, 0, cf | af],
  ['d40a', 0x1237, 0, 0x0505, pf, zf | sf | pf],
  ['d410', 0x00f0, 0, 0x0f00, zf | pf, zf | sf | pf],
  ['d50a', 0x0503, 0, 0x0035, pf, zf | sf | pf],
  ['d510', 0xff10, 0, 0x0000, zf | pf, zf | sf | pf],
];

t.test('decimal adjustment', (t) => {
  for (const [code, ax, before, after, flagsAfter, mask] of CASES) {
    const state = { rax: 0xabcd_0000n | BigInt(ax), rflags: BigInt(2 | before) };
    const { field, flags } = run({ bitness: 32, code, state });
    const what = `${code} of 0x${ax.toString(16)} with flags 0x${before.toString(16)}`;
    t.equal(field('rax'), 0xabcd_0000n | BigInt(after), what);
    t.equal(flags & mask, flagsAfter & mask, `flags of ${what}`);
  }
  t.end();
});

t.test('daa and das make decimal digits of the sum of decimal digits', (t) => {
  const packed = (value: number): number => Math.trunc(value / 10) * 16 + (value % 10);
  for (let a = 0; a < 100; a += 3)
    for (let b = 0; b < 100; b += 7) {
      const [x, y] = [packed(a), packed(b)];
      const isAdjusted = (x & 15) + (y & 15) > 15;
      const flags = (x + y > 255 ? cf : 0) | (isAdjusted ? af : 0) | 2;
      const sum = run({
        bitness: 16,
        code: '27',
        state: { rax: BigInt((x + y) & 255), rflags: BigInt(flags) },
      });
      t.equal(sum.field('rax'), BigInt(packed((a + b) % 100)), `${a} + ${b}`);
      t.equal(sum.flags & cf, a + b >= 100 ? cf : 0);
      const borrow = (x < y ? cf : 0) | ((x & 15) < (y & 15) ? af : 0) | 2;
      const rest = run({
        bitness: 16,
        code: '2f',
        state: { rax: BigInt((x - y) & 255), rflags: BigInt(borrow) },
      });
      t.equal(rest.field('rax'), BigInt(packed((a - b + 100) % 100)), `${a} - ${b}`);
      t.equal(rest.flags & cf, a < b ? cf : 0);
    }
  t.end();
});

t.test('aam with base 0 is #DE; none of them exists in 64-bit mode', (t) => {
  t.match(run({ bitness: 32, code: 'd400' }).end, { vector: 0, errorCode: undefined });
  for (const code of ['27', '2f', '37', '3f', 'd40a', 'd50a'])
    t.match(run({ bitness: 64, code }).end, { kind: 'unknown opcode' });
  t.end();
});

t.test('flag control', (t) => {
  const after = (code: string, rflags: number): number =>
    run({ bitness: 32, code, state: { rflags: BigInt(rflags) } }).flags;
  t.same(
    [after('f8', 0x8d7), after('f9', 0x8d6), after('f5', 0x8d7), after('f5', 0x2)],
    [0x8d6, 0x8d7, 0x8d6, 0x3],
  );
  t.same([after('fc', 0xcd7), after('fd', 0x8d7)], [0x8d7, 0xcd7]);
  t.end();
});
