import t from 'tap';
import { Bench, type BenchOptions } from './testdata/bench.ts';

/** #GP and #NP go to 0x3000 and 0x3100. */
function bench32(hex: string, fields: BenchOptions['fields'] = {}): Bench {
  const bench = new Bench(hex, { fields: { 'idtr.base': 0x5000n, 'idtr.limit': 0xffn, ...fields } });
  bench.put64(0x5000 + 13 * 8, 0x0000_8e00_0008_3000n);
  bench.put64(0x5000 + 11 * 8, 0x0000_8e00_0008_3100n);
  return bench;
}

const RING_3 = {
  'cs.selector': 0x33n,
  'cs.attributes': 0xcffb00n,
  'ss.selector': 0x3bn,
  'ss.attributes': 0xcff300n,
};
const TSS = { 'tr.selector': 0x58n, 'tr.base': 0x6000n, 'tr.limit': 0x67n, 'tr.attributes': 0x8b00n };

t.test('JMP and CALL far, direct and through memory, and RETF', (t) => {
  const bench = bench32('ea 00400000 2000');
  bench.steps(1);
  t.same([bench.field('rip'), bench.field('cs.selector'), bench.cpu.bitness], [0x4000n, 0x20n, 16]);

  const call = bench32('ff1d00450000');
  call.put(0x4500, '00400000 0800');
  call.put(0x4000, 'ca0400');
  call.put(0x8000, '0000000000000000');
  call.steps(1);
  t.same([call.field('rip'), call.field('cs.selector'), call.field('rsp')], [0x4000n, 8n, 0x7ff8n]);
  t.same([call.read32(0x7ff8), call.read32(0x7ffc)], [0x1006, 8]);
  call.steps(1);
  t.same([call.field('rip'), call.field('rsp')], [0x1006n, 0x8004n]);
  t.end();
});

t.test('a far jump that is refused changes nothing', (t) => {
  const jump = (selector: string, descriptor?: bigint) => {
    const bench = bench32(`ea 00400000 ${selector}00`);
    if (descriptor !== undefined) bench.describe(0x50, descriptor);
    bench.steps(1);
    return [bench.field('rip'), bench.read32(Number(bench.field('rsp'))), bench.field('cs.selector')];
  };
  t.same(jump('00'), [0x3000n, 0, 8n], 'null');
  t.same(jump('10'), [0x3000n, 0x10, 8n], 'data');
  t.same(jump('50', 0x00cf_1a00_0000_ffffn), [0x3100n, 0x50, 8n], 'not present');
  t.same(jump('50', 0x0040_9a00_0000_0fffn), [0x3000n, 0, 8n], 'beyond the limit');
  t.same(jump('50', 0x00cf_fa00_0000_ffffn), [0x3000n, 0x50, 8n], 'DPL 3, not conforming');
  t.same(jump('50', 0x00cf_9e00_0000_ffffn), [0x4000n, 0, 0x50n], 'conforming');
  t.match(bench32('ea 00400000 5000').steps(0), undefined);
  t.end();
});

t.test('a call that is refused leaves the stack pointer', (t) => {
  const bench = bench32('9a 00400000 5000');
  bench.describe(0x50, 0x0040_9a00_0000_0fffn);
  bench.steps(1);
  t.equal(bench.field('rsp'), 0x8000n - 16n, 'of the fault only');
  t.end();
});

t.test('real mode: limit and attributes of CS stay', (t) => {
  const bench = new Bench('9a 3412 0020', { bitness: 16 });
  bench.put(0x21234, 'cb');
  bench.steps(1);
  t.same(
    [bench.field('cs.base'), bench.field('rip'), bench.field('cs.attributes')],
    [0x20000n, 0x1234n, 0x9b00n],
  );
  bench.steps(1);
  t.same([bench.field('cs.base'), bench.field('rip'), bench.field('rsp')], [0n, 0x1005n, 0x8000n]);
  t.end();
});

t.test('RETF to an outer level, and a call gate back with parameters', (t) => {
  const bench = bench32('cb', TSS);
  bench.put(0x8000, '00400000 33000000 00900000 3b000000');
  // At ring 3: a call through the gate 0x53; at ring 0: retf $4
  bench.put(0x4000, '9a 00000000 5300');
  bench.put(0x9000, '78563412');
  bench.describe(0x50, 0x0000_ec01_0008_4100n);
  bench.put(0x4100, 'ca0400');
  bench.put(0x6004, '00700000 1000');
  bench.steps(1);
  t.same([bench.field('rip'), bench.field('rsp'), bench.cpu.privilege], [0x4000n, 0x9000n, 3]);
  bench.steps(1);
  t.same([bench.field('rip'), bench.field('rsp'), bench.cpu.privilege], [0x4100n, 0x6fecn, 0]);
  t.same(
    [0x6fec, 0x6ff0, 0x6ff4, 0x6ff8, 0x6ffc].map((at) => bench.read32(at)),
    [0x4007, 0x33, 0x12345678, 0x9000, 0x3b],
  );
  bench.steps(1);
  t.same([bench.field('rip'), bench.field('rsp'), bench.cpu.privilege], [0x4007n, 0x9004n, 3]);
  t.end();
});

t.test('RETF to an inner level is refused', (t) => {
  const bench = bench32('cb', { ...RING_3, ...TSS, rsp: 0x9000n });
  bench.put(0x9000, '00400000 08000000');
  bench.put(0x6004, '00700000 1000');
  bench.steps(1);
  t.same([bench.field('rip'), bench.read32(0x6fe8), bench.cpu.privilege], [0x3000n, 8, 0]);
  t.end();
});

t.test('task switches stop by name', (t) => {
  const bench = bench32('ea 00000000 5000');
  bench.describe(0x50, 0x0000_8900_6000_0067n);
  t.match(bench.steps(1), { kind: 'unsupported', what: /task switch/ });
  t.end();
});

t.test('64-bit: far jump through memory to 32-bit code, and a call gate of 16 bytes', (t) => {
  const bench = new Bench('ff2c2500450000', {
    bitness: 64,
    fields: { cr0: 0x8000_0011n, cr3: 0x10000n, cr4: 0x20n, r8: -1n, rax: 0x1_0000_0002n },
  });
  bench.put64(0x10000, 0x11003n);
  bench.put64(0x11000, 0x12003n);
  bench.put64(0x12000, 0x83n);
  bench.put(0x4500, '00400000 0800');
  bench.put(0x4000, '9a 00000000 5000');
  bench.describe(0x50, 0x0000_8c00_0018_4100n);
  bench.describe(0x58, 0n);
  bench.put(0x4100, '48cb');
  bench.steps(1);
  t.same(
    [bench.cpu.bitness, bench.field('rip'), bench.field('r8'), bench.field('rax')],
    [32, 0x4000n, 0n, 2n],
  );
  bench.steps(1);
  t.same([bench.cpu.bitness, bench.field('rip'), bench.field('rsp')], [64, 0x4100n, 0x7ff0n]);
  t.same([bench.read64(0x7ff0), bench.read64(0x7ff8)], [0x4007n, 8n]);
  t.equal(bench.field('r8'), 0xffff_ffff_ffff_ffffn, 'what 32-bit code does not see is still there');
  bench.steps(1);
  t.same([bench.cpu.bitness, bench.field('rip')], [32, 0x4007n]);
  t.end();
});
