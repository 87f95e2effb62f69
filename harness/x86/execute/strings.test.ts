import t from 'tap';
import { loadDisassembler } from '../disassembler.ts';
import { FLAG } from '../state/flags.ts';
import { SILENT } from './inputs.ts';
import { type OneInstruction, oneInstruction } from './testdata/one-instruction.ts';
import { Random } from './testdata/random.ts';

const run = oneInstruction(await loadDisassembler());

/** Of 0x3000: all but one page below and above are absent. */
const PAGING_32 = {
  // Directory at 0x10000, one table at 0x11000: 0x1000, 0x3000, 0x4000 writable, 0x5000 read-only, identity mapped.
  memory: {
    0x1_0000: '03100100',
    0x1_1004: '03100000',
    0x1_100c: '030000000340000001500000'.replace('03000000', '03300000'),
  },
  state: { cr0: 0x8001_0011n, cr3: 0x1_0000n },
};

t.test('each form without repetition', (t) => {
  const state = { rsi: 0x3000n, rdi: 0x4000n, rax: 0x1122_3344_5566_7788n, rcx: 5n };
  const memory = { 0x3000: '0102030405060708', 0x4000: 'ffffffffffffffff' };
  for (const [bitness, code, sizeBytes] of [
    [32, 'a4', 1],
    [32, '66a5', 2],
    [32, 'a5', 4],
    [64, '48a5', 8],
    [16, 'a4', 1],
    [16, 'a5', 2],
  ] as const) {
    const { field, bytesAt, cpu } = run({ bitness, code, state, memory });
    t.equal(bytesAt(0x4000, 8), '0102030405060708'.slice(0, 2 * sizeBytes).padEnd(16, 'f'), `movs ${code}`);
    t.same(
      [field('rsi'), field('rdi'), field('rcx')],
      [0x3000n + BigInt(sizeBytes), 0x4000n + BigInt(sizeBytes), 5n],
    );
    t.equal(cpu.iterations, 1);
  }
  t.equal(run({ bitness: 32, code: 'aa', state, memory }).bytesAt(0x4000, 8), '88ffffffffffffff');
  t.equal(run({ bitness: 32, code: '66ab', state, memory }).bytesAt(0x4000, 8), '8877ffffffffffff');
  t.equal(run({ bitness: 64, code: '48ab', state, memory }).bytesAt(0x4000, 8), '8877665544332211');
  t.equal(run({ bitness: 32, code: 'ac', state, memory }).field('rax'), 0x5566_7701n);
  t.equal(run({ bitness: 32, code: '66ad', state, memory }).field('rax'), 0x5566_0201n);
  t.equal(run({ bitness: 64, code: 'ad', state, memory }).field('rax'), 0x0403_0201n);
  t.equal(run({ bitness: 64, code: '48ad', state, memory }).field('rax'), 0x0807_0605_0403_0201n);
  t.end();
});

t.test('DF goes down', (t) => {
  const state = { rsi: 0x3003n, rdi: 0x4003n, rcx: 4n, rflags: 2n | BigInt(FLAG.df) };
  const { field, bytesAt } = run({ bitness: 32, code: 'f3a4', state, memory: { 0x3000: '01020304' } });
  t.equal(bytesAt(0x4000, 4), '01020304');
  t.same([field('rsi'), field('rdi'), field('rcx')], [0x2fffn, 0x3fffn, 0n]);
  t.end();
});

t.test('a count of 0 does nothing', (t) => {
  for (const code of ['f3a4', 'f3ab', 'f3a6', 'f2ae', 'f3ac']) {
    const state = { rsi: 0x3000n, rdi: 0x4000n, rcx: 0n, rflags: 0x8d7n };
    const { field, cpu, end } = run({ bitness: 32, code, state });
    t.same([end, field('rsi'), field('rdi'), cpu.iterations], [undefined, 0x3000n, 0x4000n, 0]);
    t.equal(field('rflags'), 0x8d7n);
  }
  t.end();
});

t.test('the address size decides which registers count', (t) => {
  const state = { rsi: 0x1_0000_3000n, rdi: 0x1_0001_4000n, rcx: 0xffff_0002n };
  const memory = { 0x3000: '01020304', 0x1_3000: '05060708' };
  const small = run({ bitness: 32, code: 'f367a4', state, memory });
  t.equal(small.bytesAt(0x4000, 3), '010200');
  t.same([small.field('rsi'), small.field('rdi'), small.field('rcx')], [0x3002n, 0x1_4002n, 0xffff_0000n]);
  const wide = run({ bitness: 64, code: 'f367a4', state: { ...state, rcx: 0x5_0000_0002n }, memory });
  t.equal(wide.bytesAt(0x1_4000, 3), '010200');
  t.same([wide.field('rsi'), wide.field('rdi'), wide.field('rcx')], [0x3002n, 0x1_4002n, 0n]);
  t.end();
});

t.test('a 16-bit pointer wraps around within its segment', (t) => {
  const state = { rsi: 0x3000n, rdi: 0xfffen, rcx: 4n, 'es.base': 0x2_0000n };
  const { field, bytesAt } = run({ bitness: 16, code: 'f3a4', state, memory: { 0x3000: '01020304' } });
  t.equal(bytesAt(0x2_fffe, 3), '010200');
  t.equal(bytesAt(0x2_0000, 3), '030400');
  t.equal(field('rdi'), 2n);
  t.end();
});

t.test('the source has a segment of its own, the target is in ES', (t) => {
  const state = { rsi: 0x100n, rdi: 0x200n, rcx: 2n, 'gs.base': 0x3_0000n, 'es.base': 0x2_0000n };
  const memory = { 0x3_0100: '0102', 0x100: '0304' };
  t.equal(run({ bitness: 32, code: 'f365a4', state, memory }).bytesAt(0x2_0200, 2), '0102');
  t.equal(run({ bitness: 64, code: 'f365a4', state, memory }).bytesAt(0x200, 2), '0102');
  t.equal(run({ bitness: 64, code: 'f3a4', state, memory }).bytesAt(0x200, 2), '0304');
  t.end();
});

t.test('cmps and scas end where the flags say', (t) => {
  const memory = { 0x3000: '0102030405', 0x4000: '0102ff0405' };
  const state = { rsi: 0x3000n, rdi: 0x4000n, rcx: 5n, rax: 0xffn };
  const equal = run({ bitness: 32, code: 'f3a6', state, memory });
  t.same(
    [equal.field('rcx'), equal.field('rsi'), equal.field('rdi'), equal.cpu.iterations],
    [2n, 0x3003n, 0x4003n, 3],
  );
  // 3 - 0xff: borrow, AF, result 4.
  t.equal(equal.flags & 0x8d5, FLAG.cf | FLAG.af);
  const other = run({ bitness: 32, code: 'f2ae', state, memory });
  t.same([other.field('rcx'), other.field('rdi'), other.flags & FLAG.zf], [2n, 0x4003n, FLAG.zf]);
  const words = run({ bitness: 32, code: 'f3a7', state: { ...state, rcx: 2n }, memory });
  // 0x04030201 - 0x04ff0201
  t.same([words.field('rcx'), words.flags & 0x8d5], [1n, FLAG.cf | FLAG.sf | FLAG.pf]);
  const quad = run({ bitness: 64, code: '48a7', state, memory });
  t.equal(quad.flags & (FLAG.zf | FLAG.cf), FLAG.cf);
  const long = run({ bitness: 64, code: '48af', state: { ...state, rax: 0x05_04ff_0201n }, memory });
  t.equal(long.flags & FLAG.zf, FLAG.zf);
  t.end();
});

t.test('a fault in the middle: the registers show how far it came', (t) => {
  const state = { ...PAGING_32.state, rdi: 0x4ff8n, rax: 0x0102_0304n, rcx: 10n };
  const { end, field, bytesAt, cpu } = run({ bitness: 32, code: 'f3ab', state, memory: PAGING_32.memory });
  t.match(end, { vector: 14, errorCode: 3 });
  t.same([field('rdi'), field('rcx'), field('rip'), field('cr2')], [0x5000n, 8n, 0x1000n, 0x5000n]);
  t.equal(bytesAt(0x4ff4, 16), '00000000040302010403020100000000');
  t.equal(cpu.iterations, 2);
  t.end();
});

t.test('an element across a page border is written whole or not at all', (t) => {
  const state = { ...PAGING_32.state, rdi: 0x4ffan, rax: 0x0102_0304n, rcx: 10n };
  const { end, field, bytesAt } = run({ bitness: 32, code: 'f3ab', state, memory: PAGING_32.memory });
  t.match(end, { vector: 14, errorCode: 3 });
  t.same([field('rdi'), field('rcx'), field('cr2')], [0x4ffen, 9n, 0x5000n]);
  t.equal(bytesAt(0x4ff8, 8), '0000040302010000');
  t.end();
});

t.test('the segment limit in the middle', (t) => {
  const state = { rsi: 0x3000n, rdi: 0x4000n, rcx: 100n, 'es.limit': 0x400an };
  const { end, field, bytesAt } = run({
    bitness: 32,
    code: 'f3a5',
    state,
    memory: { 0x3000: 'aa'.repeat(100) },
  });
  t.match(end, { vector: 13, errorCode: 0 });
  t.same([field('rcx'), field('rdi'), field('rsi')], [98n, 0x4008n, 0x3008n]);
  t.equal(bytesAt(0x4000, 12), 'aa'.repeat(8) + '00000000');
  t.end();
});

t.test('cmps leaves the flags of before where it faults', (t) => {
  const state = { ...PAGING_32.state, rsi: 0x3ffen, rdi: 0x5ffen, rcx: 9n, rflags: 0x8d7n };
  const { end, field } = run({ bitness: 32, code: 'f3a6', state, memory: PAGING_32.memory });
  t.match(end, { vector: 14, errorCode: 0 });
  t.same([field('rcx'), field('rflags')], [7n, 0x8d7n]);
  t.end();
});

/** What the SDM's loop does, byte by byte. */
function copied(bytes: Uint8Array, from: number, to: number, sizeBytes: number, count: number): void {
  for (let i = 0; i < count; i++) {
    const element = bytes.slice(from + i * sizeBytes, from + (i + 1) * sizeBytes);
    bytes.set(element, to + i * sizeBytes);
  }
}

t.test('overlapping copies are done element by element', (t) => {
  const random = new Random(5);
  const before = Buffer.from(Array.from({ length: 0x3000 }, () => random.below(256)));
  for (const [code, sizeBytes] of [
    ['f3a4', 1],
    ['f366a5', 2],
    ['f3a5', 4],
    ['f348a5', 8],
  ] as const)
    for (const distance of [-9, -8, -3, -1, 0, 1, 2, 3, 4, 7, 8, 9, 13, 100, 4096, 4099]) {
      const from = 0x800 + random.below(0x100);
      const count = 1 + random.below(0x1000 / sizeBytes);
      const want = Uint8Array.from(before);
      copied(want, from, from + distance, sizeBytes, count);
      const { bytesAt, field } = run({
        ...{ bitness: 64, code, memory: { 0x2_0000: before.toString('hex') } },
        state: { rsi: BigInt(0x2_0000 + from), rdi: BigInt(0x2_0000 + from + distance), rcx: BigInt(count) },
      });
      t.ok(
        bytesAt(0x2_0000, 0x3000) === Buffer.from(want).toString('hex'),
        `${code}, ${count} by ${distance}`,
      );
      t.equal(field('rcx'), 0n);
    }
  t.end();
});

t.test('stos fills over pages, in any size and at any place', (t) => {
  for (const [code, sizeBytes, value] of [
    ['f3aa', 1, 'ef'],
    ['f366ab', 2, 'efbe'],
    ['f3ab', 4, 'efbeadde'],
    ['f348ab', 8, 'efbeaddec0fecaba'],
  ] as const)
    for (const start of [0x2_0000, 0x2_0003]) {
      const count = 0x2008 / sizeBytes;
      const state = { rdi: BigInt(start), rcx: BigInt(count), rax: 0xbaca_fec0_dead_beefn };
      const { bytesAt, field } = run({ bitness: 64, code, state });
      t.ok(
        bytesAt(start - 1, 0x2008 + 2) === `00${value.repeat(count)}00`,
        `${code} at 0x${start.toString(16)}`,
      );
      t.same([field('rdi'), field('rcx')], [BigInt(start + 0x2008), 0n]);
    }
  t.end();
});

t.test('unknown bytes: stos makes them known, movs stops at them, what it has just written is known', (t) => {
  const unknown = (code: string, state: OneInstruction['state']) =>
    run({ bitness: 32, code, memory: { 0x3000: '07' }, isUnknownElsewhere: true, ...(state && { state }) });
  const filled = unknown('f3aa', { rdi: 0x5000n, rcx: 4096n });
  t.equal(filled.cpu.physical.page(5).known, undefined);
  const stopped = unknown('f3a4', { rsi: 0x3000n, rdi: 0x6000n, rcx: 2n });
  t.match(stopped.end, { kind: 'unknown memory' });
  t.equal(stopped.field('rip'), 0x1000n);
  const spread = unknown('f3a4', { rsi: 0x3000n, rdi: 0x3001n, rcx: 99n });
  t.same([spread.end, spread.bytesAt(0x3000, 101)], [undefined, `${'07'.repeat(100)}00`]);
  t.end();
});

t.test('ports', (t) => {
  const written: string[] = [];
  let next = 0x11;
  const inputs = {
    ...SILENT,
    readPort: (port: number, sizeBytes: number) => port * 0x100 + sizeBytes + next++,
    writePort: (port: number, sizeBytes: number, value: number) =>
      void written.push(`${port}.${sizeBytes}=${value.toString(16)}`),
  };
  const state = { rdx: 0x70n, rdi: 0x4000n, rsi: 0x3000n, rcx: 2n };
  t.equal(run({ bitness: 32, code: 'f36d', state, inputs }).bytesAt(0x4000, 8), '1570000016700000');
  run({ bitness: 32, code: 'f3666f', state, inputs, memory: { 0x3000: '01020304' } });
  t.same(written, ['112.2=201', '112.2=403']);
  const ring3 = {
    ...state,
    'cs.selector': 0xbn,
    'cs.attributes': 0x00cf_fb00n,
    'ss.attributes': 0x00cf_f300n,
  };
  t.match(run({ bitness: 32, code: '6c', state: ring3, inputs }).end, { vector: 13, errorCode: 0 });
  t.end();
});
