import t from 'tap';
import { loadDisassembler } from '../disassembler.ts';
import { ARITHMETIC, FLAG } from '../state/flags.ts';
import { oneInstruction } from './testdata/one-instruction.ts';
import { Random } from './testdata/random.ts';

const run = oneInstruction(await loadDisassembler());

const CHANGES = {
  a3: (value: bigint) => value,
  ab: (value: bigint, bit: bigint) => value | (1n << bit),
  b3: (value: bigint, bit: bigint) => value & ~(1n << bit),
  bb: (value: bigint, bit: bigint) => value ^ (1n << bit),
};
const WIDTHS = [
  [16, '66'],
  [32, ''],
  [64, '48'],
] as const;

t.test('bt, bts, btr, btc of a register cut the index to its size', (t) => {
  const random = new Random(8);
  for (const [bits, prefix] of WIDTHS)
    for (const [opcode, change] of Object.entries(CHANGES))
      for (let i = 0; i < 40; i++) {
        const [value, index] = [random.bits(bits), random.bits(bits)];
        const bit = index % BigInt(bits);
        const state = { rax: value, rdx: index, rflags: BigInt(2 | FLAG.zf) };
        const { field, flags } = run({ bitness: 64, code: `${prefix}0f${opcode}d0`, state });
        t.equal(
          field('rax'),
          BigInt.asUintN(bits, change(value, bit)),
          `${opcode}: bit ${index} of ${value}`,
        );
        t.same([flags & FLAG.cf, flags & FLAG.zf], [Number((value >> bit) & 1n), FLAG.zf]);
      }
  t.end();
});

t.test('in memory, an index in a register reaches beyond the operand', (t) => {
  for (const bitness of [32, 64] as const)
    for (const [bits, prefix] of WIDTHS.slice(0, bitness === 32 ? 2 : 3))
      for (const index of [0, 7, 40, 1000, -1, -64, -1000, 32_767, -32_768]) {
        const state = { rbx: 0x8000n, rdx: BigInt.asUintN(bits, BigInt(index)) };
        const { bytesAt, flags } = run({ bitness, code: `${prefix}0fab13`, state });
        const at = 0x8000 + Math.floor(index / 8);
        t.equal(
          bytesAt(at, 1),
          (1 << (index & 7)).toString(16).padStart(2, '0'),
          `${bits} bits, bit ${index}`,
        );
        t.equal(flags & FLAG.cf, 0);
      }
  t.end();
});

t.test('an immediate index in memory stays within the operand', (t) => {
  const { bytesAt } = run({ bitness: 32, code: '0fba2b29', state: { rbx: 0x8000n } });
  t.equal(bytesAt(0x8000, 8), '0002000000000000');
  t.end();
});

t.test('an index wraps around with the address size', (t) => {
  const { bytesAt } = run({ bitness: 16, code: '0fab17', state: { rbx: 0xfff0n, rdx: 0x0100n } });
  t.equal(bytesAt(0x0010, 1), '01');
  t.end();
});

t.test('a segment with a base, also in 64-bit mode', (t) => {
  const state = { rbx: 0x100n, rdx: 9n, 'fs.base': 0x5000n };
  for (const bitness of [32, 64] as const)
    t.equal(run({ bitness, code: '640fab13', state }).bytesAt(0x5100, 2), '0002');
  t.end();
});

t.test('bt reads only; bts faults where it may not write', (t) => {
  const state = { rbx: 0x8000n, rdx: 1n, 'ds.attributes': 0x00cf_9100n };
  t.equal(run({ bitness: 32, code: '0fa313', state }).end, undefined);
  t.match(run({ bitness: 32, code: '0fab13', state }).end, { vector: 13, errorCode: 0 });
  t.end();
});

function trailing(value: bigint, bits: number): bigint {
  let count = 0n;
  while (count < bits && ((value >> count) & 1n) === 0n) count++;
  return count;
}

t.test('bsf, bsr, tzcnt, lzcnt, popcnt', (t) => {
  const random = new Random(9);
  for (const [bits, prefix] of WIDTHS)
    for (let i = 0; i < 60; i++) {
      const value = random.bits(bits) >> BigInt(random.below(bits));
      const state = { rax: 0x1234n, rbx: value, rflags: 0x8d7n };
      const result = (before: string, opcode: string) => {
        const { field, flags } = run({ bitness: 64, code: `${before}${prefix}0f${opcode}c3`, state });
        return [field('rax'), flags & FLAG.zf, flags & FLAG.cf];
      };
      const digits = value.toString(2);
      const ones = BigInt(digits.replaceAll('0', '').length);
      const leading = value === 0n ? BigInt(bits) : BigInt(bits - digits.length);
      const zero = value === 0n ? FLAG.zf : 0;
      const [isZero, carry] = [(count: bigint) => (count === 0n ? FLAG.zf : 0), value === 0n ? FLAG.cf : 0];
      t.same(
        result('', 'bc').slice(0, 2),
        [value === 0n ? 0x1234n : trailing(value, bits), zero],
        `bsf ${value}`,
      );
      t.same(
        result('', 'bd').slice(0, 2),
        [value === 0n ? 0x1234n : BigInt(digits.length - 1), zero],
        `bsr ${value}`,
      );
      t.same(
        result('f3', 'bc'),
        [trailing(value, bits), isZero(trailing(value, bits)), carry],
        `tzcnt ${value}`,
      );
      t.same(result('f3', 'bd'), [leading, isZero(leading), carry], `lzcnt ${value}`);
      t.same(result('f3', 'b8'), [ones, zero, 0], `popcnt ${value}`);
    }
  t.end();
});

t.test('popcnt clears all other flags', (t) => {
  t.equal(run({ bitness: 32, code: 'f30fb8c3', state: { rbx: 1n, rflags: 0x8d7n } }).flags & ARITHMETIC, 0);
  t.end();
});
