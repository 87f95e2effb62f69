import t from 'tap';
import { loadDisassembler } from '../disassembler.ts';
import { FLAG } from '../state/flags.ts';
import { oneInstruction } from './testdata/one-instruction.ts';
import { Random } from './testdata/random.ts';

const run = oneInstruction(await loadDisassembler());

const SIZES = [8, 16, 32, 64] as const;
type Bits = (typeof SIZES)[number];
const PREFIX = { 8: 'f6', 16: '66f7', 32: 'f7', 64: '48f7' };
/** ModR/M: the extension with rbx as operand. */
const OPERATIONS = { mul: 'e3', imul: 'eb', div: 'f3', idiv: 'fb' };

interface Halves {
  readonly upper: bigint;
  readonly lower: bigint;
}

function toState(bits: Bits, { upper, lower }: Halves) {
  return bits === 8 ? { rax: (upper << 8n) | lower } : { rax: lower, rdx: upper };
}

function fromFields(bits: Bits, field: (name: string) => bigint): Halves {
  const cut = (name: string): bigint => BigInt.asUintN(bits, field(name));
  return bits === 8
    ? { upper: (field('rax') >> 8n) & 0xffn, lower: cut('rax') }
    : { upper: cut('rdx'), lower: cut('rax') };
}

const as = (isSigned: boolean, bits: number, value: bigint): bigint =>
  isSigned ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value);

for (const name of ['mul', 'imul'] as const)
  t.test(`${name}: all sizes against exact arithmetic`, (t) => {
    const random = new Random(3);
    for (const bits of SIZES)
      for (let i = 0; i < 200; i++) {
        const [a, b] = [random.bits(bits), random.bits(bits)];
        const state = { ...toState(bits, { upper: 0n, lower: a }), rbx: b };
        const { field, flags } = run({ bitness: 64, code: PREFIX[bits] + OPERATIONS[name], state });
        const isSigned = name === 'imul';
        const product = as(isSigned, bits, a) * as(isSigned, bits, b);
        const { upper, lower } = fromFields(bits, field);
        const isLonger = product !== as(isSigned, bits, product);
        const got = [(upper << BigInt(bits)) | lower, (flags & FLAG.cf) !== 0, (flags & FLAG.of) !== 0];
        t.same(got, [BigInt.asUintN(2 * bits, product), isLonger, isLonger], `${a} × ${b}, ${bits} bits`);
      }
    t.end();
  });

t.test('imul of two and three operands', (t) => {
  const random = new Random(4);
  for (const [bits, prefix] of [
    [16, '66'],
    [32, ''],
    [64, '48'],
  ] as const)
    for (let i = 0; i < 100; i++) {
      const [a, b, by] = [random.bits(bits), random.bits(bits), random.below(256)];
      const two = run({ bitness: 64, code: `${prefix}0fafc3`, state: { rax: a, rbx: b } });
      const exact = BigInt.asIntN(bits, a) * BigInt.asIntN(bits, b);
      const isLonger = (product: bigint): number =>
        product === BigInt.asIntN(bits, product) ? 0 : FLAG.cf | FLAG.of;
      t.equal(two.field('rax'), BigInt.asUintN(bits, exact), `${a} × ${b}, ${bits} bits`);
      t.equal(two.flags & (FLAG.cf | FLAG.of), isLonger(exact));
      const three = run({
        bitness: 64,
        code: `${prefix}6bc3${by.toString(16).padStart(2, '0')}`,
        state: { rbx: b },
      });
      const product = BigInt.asIntN(bits, b) * BigInt.asIntN(8, BigInt(by));
      t.equal(three.field('rax'), BigInt.asUintN(bits, product), `${b} × ${by}, ${bits} bits`);
      t.equal(three.flags & (FLAG.cf | FLAG.of), isLonger(product));
    }
  t.end();
});

for (const name of ['div', 'idiv'] as const)
  t.test(`${name}: all sizes against exact arithmetic`, (t) => {
    const random = new Random(6);
    const isSigned = name === 'idiv';
    let quotients = 0;
    for (const bits of SIZES)
      for (let i = 0; i < 300; i++) {
        const [lower, divisor] = [random.bits(bits), random.bits(bits)];
        const sign = isSigned ? BigInt.asUintN(bits, BigInt.asIntN(bits, lower) >> 63n) : 0n;
        const upper = [sign, divisor >> 2n, random.bits(bits)][i % 3]!;
        const state = { ...toState(bits, { upper, lower }), rbx: divisor };
        const { end, field } = run({ bitness: 64, code: PREFIX[bits] + OPERATIONS[name], state });
        const by = as(isSigned, bits, divisor);
        const dividend = as(isSigned, 2 * bits, (upper << BigInt(bits)) | lower);
        const quotient = by === 0n ? undefined : dividend / by;
        const what = `${dividend} / ${by}, ${bits} bits`;
        if (quotient === undefined || quotient !== as(isSigned, bits, quotient)) {
          t.match(end, { vector: 0, errorCode: undefined }, what);
          t.same(fromFields(bits, field), { upper, lower });
        } else {
          quotients++;
          const remainder = BigInt.asUintN(bits, dividend % by);
          t.same(fromFields(bits, field), { upper: remainder, lower: BigInt.asUintN(bits, quotient) }, what);
        }
      }
    t.ok(quotients > 400);
    t.end();
  });

t.test('the least number divided by −1 is #DE', (t) => {
  const state = { rax: 0x8000_0000n, rdx: 0xffff_ffffn, rbx: 0xffff_ffffn };
  t.match(run({ bitness: 32, code: 'f7fb', state }).end, { vector: 0 });
  t.equal(run({ bitness: 32, code: 'f7fb', state }).field('rip'), 0x1000n);
  t.end();
});
