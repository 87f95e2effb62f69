/** CLAIM: a word pair fits when it differs by nothing or by the base, in each form in which x86 keeps an address, and no other. */
import t from 'tap';
import { misfitOf, registerFits, shiftOf } from './by-the-base.ts';

const pair = (value: bigint): [number, number] => [
  Number(BigInt.asIntN(32, value)),
  Number(BigInt.asIntN(32, value >> 32n)),
];
const misfit = (a: bigint, b: bigint, by: number) => misfitOf(...pair(a), ...pair(b), shiftOf(by));
const D = 0x7c20_0000;

t.test('words of 32 bits, each for itself', async (t) => {
  t.equal(misfit(0x11_0000_0022n, 0x11_0000_0022n, D), 'none');
  t.equal(misfit(0x11_0000_0022n, 0x11_7c20_0022n, D), 'none');
  t.equal(misfit(0x11_0000_0022n, 0x7c20_0011_0000_0022n, D), 'none');
  t.equal(misfit(0x11_0000_0022n, 0x11_7c20_0023n, D), 'low');
  t.equal(misfit(0x11_0000_0022n, 0x12_0000_0022n, D), 'high');
  t.equal(misfit(0x11_0000_0022n, 0x12_0000_0021n, D), 'both');
  t.equal(misfit(0xc000_0000n, 0x3c20_0000n, D), 'none', 'modulo 2³²');
  t.equal(misfit(0x8000_0000n, 0x3e0_0000n, 0x3e0_0000 - 0x8000_0000), 'none', 'to a lower base');
});

t.test('a word of 64 bits, with the carry', async (t) => {
  t.equal(misfit(0x1_c000_0000n, 0x2_3c20_0000n, D), 'none');
  t.equal(misfit(0x1_c000_0000n, 0x3_3c20_0000n, D), 'high');
  t.equal(misfit(0x2_3c20_0000n, 0x1_c000_0000n, -D), 'none', 'with the borrow');
});

t.test('a descriptor, its base in three pieces', async (t) => {
  t.equal(misfit(0x00cf_9a12_3456_ffffn, 0x7ccf_9a32_3456_ffffn, D), 'none');
  t.equal(misfit(0x00cf_9a12_3456_ffffn, 0x7ccf_9b32_3456_ffffn, D), 'high', 'other rights');
  t.equal(misfit(0x00cf_9a12_3456_ffffn, 0x7ccf_9a33_3456_ffffn, D), 'high', 'another base');
});

t.test('a limit and a base behind it', async (t) => {
  t.equal(misfit(0xabcd_0020_1234_0027n, 0xabcd_7c40_1234_0027n, D), 'none');
  t.equal(misfit(0xabcd_0020_1234_0027n, 0xabce_7c40_1234_0027n, D), 'high');
});

t.test('a register holds one value', async (t) => {
  const fits = (a: bigint, b: bigint) => registerFits(...pair(a), ...pair(b), shiftOf(D));
  t.ok(fits(5n, 5n));
  t.ok(fits(0x1_c000_0000n, 0x2_3c20_0000n));
  t.ok(fits(0xc000_0000n, 0x3c20_0000n), 'of 32 bits');
  t.notOk(fits(0x11_0000_0022n, 0x7c20_0011_0000_0022n), 'only the upper half');
  t.notOk(fits(0x00cf_9a12_3456_ffffn, 0x7ccf_9a32_3456_ffffn), 'no descriptor');
});
