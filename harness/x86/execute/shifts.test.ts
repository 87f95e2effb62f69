import t from 'tap';
import { loadDisassembler } from '../disassembler.ts';
import { FLAG } from '../state/flags.ts';
import { oneInstruction } from './testdata/one-instruction.ts';
import { Random } from './testdata/random.ts';

const run = oneInstruction(await loadDisassembler());

const OPCODES = {
  8: (extension: number) => `d2${modrm(extension)}`,
  16: (extension: number) => `66d3${modrm(extension)}`,
  32: (extension: number) => `d3${modrm(extension)}`,
  64: (extension: number) => `48d3${modrm(extension)}`,
} as const;
const SIZES = [8, 16, 32, 64] as const;
const KEPT = FLAG.cf | FLAG.pf | FLAG.af | FLAG.zf | FLAG.sf | FLAG.of;

/** Register operand AX, of the given length. */
function modrm(extension: number): string {
  return (0xc0 | (extension << 3)).toString(16);
}

interface Bits {
  readonly value: bigint;
  readonly cf: bigint;
}

/** One step, as the SDM's pseudocode loops it. */
const STEPS: Readonly<Record<string, (v: Bits, bits: number) => Bits>> = {
  rol: ({ value }, bits) => ({ value: (value << 1n) | top(value, bits), cf: top(value, bits) }),
  ror: ({ value }, bits) => ({
    value: (value >> 1n) | ((value & 1n) << BigInt(bits - 1)),
    cf: value & 1n,
  }),
  rcl: ({ value, cf }, bits) => ({ value: (value << 1n) | cf, cf: top(value, bits) }),
  rcr: ({ value, cf }, bits) => ({ value: (value >> 1n) | (cf << BigInt(bits - 1)), cf: value & 1n }),
  shl: ({ value }, bits) => ({ value: value << 1n, cf: top(value, bits) }),
  shr: ({ value }) => ({ value: value >> 1n, cf: value & 1n }),
  sal: ({ value }, bits) => ({ value: value << 1n, cf: top(value, bits) }),
  sar: ({ value }, bits) => ({ value: BigInt.asIntN(bits, value) >> 1n, cf: value & 1n }),
};

const top = (value: bigint, bits: number): bigint => (value >> BigInt(bits - 1)) & 1n;

function parity(value: bigint): boolean {
  let ones = 0;
  for (let rest = value & 0xffn; rest > 0n; rest >>= 1n) ones += Number(rest & 1n);
  return ones % 2 === 0;
}

function expected(name: string, value: bigint, count: number, bits: number, flags: number) {
  const steps = count & (bits === 64 ? 63 : 31);
  let state: Bits = { value, cf: BigInt(flags & FLAG.cf) };
  let before = state;
  for (let i = 0; i < steps; i++) {
    before = state;
    const next = STEPS[name]!(state, bits);
    state = { value: BigInt.asUintN(bits, next.value), cf: next.cf };
  }
  if (steps === 0) return { value, flags, mask: KEPT };
  const isRotate = /^r/.test(name);
  const result =
    (state.cf !== 0n ? FLAG.cf : 0) |
    (top(before.value, bits) !== top(state.value, bits) ? FLAG.of : 0) |
    (isRotate ? flags & (FLAG.pf | FLAG.zf | FLAG.sf) : 0) |
    (!isRotate && state.value === 0n ? FLAG.zf : 0) |
    (!isRotate && top(state.value, bits) === 1n ? FLAG.sf : 0) |
    (!isRotate && parity(state.value) ? FLAG.pf : 0) |
    (isRotate ? flags & FLAG.af : 0);
  // Undefined: AF of shifts, OF but for a count of 1; CF of SHL and SHR by the whole size or more (SDM 2B).
  const mask =
    KEPT &
    ~(isRotate ? 0 : FLAG.af) &
    ~(steps === 1 ? 0 : FLAG.of) &
    ~(steps > bits && !isRotate ? FLAG.cf : 0);
  return { value: state.value, flags: result, mask };
}

for (const [extension, name] of Object.keys(STEPS).entries())
  t.test(`${name}: all sizes, all counts`, (t) => {
    const random = new Random(extension + 1);
    for (const bits of SIZES)
      for (let count = 0; count < 80; count++) {
        const value = random.bits(bits);
        const rest = BigInt.asUintN(64, random.bits(64) << BigInt(bits === 32 ? 0 : bits));
        const rax = bits === 64 ? value : bits === 32 ? (rest & ~0xffff_ffffn) | value : rest | value;
        const flags = 2 | (random.word() & KEPT);
        const state = { rax, rcx: BigInt(count), rflags: BigInt(flags) };
        const { field, flags: after } = run({ bitness: 64, code: OPCODES[bits](extension), state });
        const want = expected(name, value, count, bits, flags);
        const what = `${name} ${bits} bits 0x${value.toString(16)} by ${count}, flags 0x${flags.toString(16)}`;
        const whole =
          bits === 32 || bits === 64 ? want.value : (rax & ~((1n << BigInt(bits)) - 1n)) | want.value;
        if (field('rax') !== whole) t.equal(field('rax'), whole, what);
        if (((after ^ want.flags) & want.mask) !== 0)
          t.equal(after & want.mask, want.flags & want.mask, what);
      }
    t.end();
  });

t.test('shld and shrd take their bits from the second operand', (t) => {
  const random = new Random(77);
  for (const bits of [16, 32, 64] as const)
    for (let count = 0; count < 70; count++)
      for (const [opcode, isLeft] of [
        ['0fa5d8', true],
        ['0fadd8', false],
      ] as const) {
        const [value, source] = [random.bits(bits), random.bits(bits)];
        const by = BigInt(count & (bits === 64 ? 63 : 31));
        const size = BigInt(bits);
        if (by > size) continue;
        const state = { rax: value, rbx: source, rcx: BigInt(count), rflags: 2n | BigInt(FLAG.af | FLAG.cf) };
        const code = { 16: '66', 32: '', 64: '48' }[bits] + opcode;
        const { field, flags } = run({ bitness: 64, code, state });
        const all = isLeft ? (value << size) | source : (source << size) | value;
        const result = BigInt.asUintN(bits, isLeft ? all >> (size - by) : all >> by);
        t.equal(
          field('rax'),
          result,
          `${code} 0x${value.toString(16)}, 0x${source.toString(16)} by ${count}`,
        );
        const out = isLeft ? (all >> (2n * size - by)) & 1n : (all >> (by - 1n)) & 1n;
        if (by > 0n) t.equal(flags & FLAG.cf, Number(out), `CF of ${code} by ${count}`);
        else t.equal(flags & KEPT, FLAG.af | FLAG.cf);
      }
  t.end();
});

t.test('shld of 16 bits by more than 16 goes on with the first operand', (t) => {
  const state = { rax: 0x1234n, rbx: 0xabcdn };
  t.equal(run({ bitness: 32, code: '660fa4d814', state }).field('rax'), 0xbcd1n);
  t.equal(run({ bitness: 32, code: '660facd814', state }).field('rax'), 0x4abcn);
  t.end();
});

t.test('memory is written even by a count of 0', (t) => {
  const readOnly = { 'ds.attributes': 0x00cf9100n, rbx: 0x3000n };
  t.match(run({ bitness: 32, code: 'c12300', state: readOnly }).end, { vector: 13, errorCode: 0 });
  const { bytesAt } = run({
    ...{ bitness: 32, code: 'd32b', state: { rbx: 0x3000n, rcx: 8n } },
    memory: { 0x3000: '78563412' },
  });
  t.equal(bytesAt(0x3000, 4), '56341200');
  t.end();
});

t.test('a count of 0 clears the upper half of a 4-byte register', (t) => {
  t.equal(run({ bitness: 64, code: 'c1e000', state: { rax: -1n } }).field('rax'), 0xffff_ffffn);
  t.end();
});
