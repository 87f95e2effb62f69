import t from 'tap';
import { TCG } from './habits.ts';
import { Bench, type BenchOptions } from './testdata/bench.ts';

/** An IDT in which each vector has a handler of its own, at 0x3000 + 16 × vector, on a stack of its own level. */
function trapping(hex: string, options: BenchOptions = {}): Bench {
  const bench = new Bench(hex, {
    ...options,
    fields: { 'idtr.base': 0x5000n, 'idtr.limit': 0xffn, ...options.fields },
  });
  for (let vector = 0; vector < 32; vector++)
    bench.put64(0x5000 + vector * 8, 0x0000_8e00_0008_3000n + BigInt(vector * 16));
  return bench;
}

/** Runs so many instructions. @returns the vector and error code of the fault that the last one raised */
function fault(bench: Bench, count = 1): { vector: number; errorCode: number } | undefined {
  bench.steps(count);
  const rip = Number(bench.field('rip'));
  if (rip < 0x3000 || rip >= 0x3200) return undefined;
  return { vector: (rip - 0x3000) / 16, errorCode: bench.read32(Number(bench.field('rsp'))) };
}

const SELECTOR = 0x50;
/** mov %eax,%ds and its siblings */
const LOAD = { es: '8ec0', ss: '8ed0', ds: '8ed8', fs: '8ee0', gs: '8ee8' };
const load = (name: keyof typeof LOAD, selector: number, descriptor?: bigint, fields = {}) => {
  const bench = trapping(LOAD[name], { fields: { rax: BigInt(selector), ...fields } });
  if (descriptor !== undefined) bench.describe(selector, descriptor);
  return bench;
};

t.test('a loaded segment: hidden part, accessed bit in memory', (t) => {
  const bench = load('ds', SELECTOR, 0x12cf_9234_5678_9abcn);
  t.equal(fault(bench), undefined);
  t.same(
    ['selector', 'base', 'limit', 'attributes'].map((part) => bench.field(`ds.${part}`)),
    [0x50n, 0x1234_5678n, 0xf9ab_cfffn, 0xcf9300n],
  );
  t.equal(bench.read64(0x2050), 0x12cf_9334_5678_9abcn);
  t.end();
});

t.test('byte granularity', (t) => {
  const bench = load('es', SELECTOR, 0x0001_9300_0000_2345n);
  bench.steps(1);
  t.equal(bench.field('es.limit'), 0x1_2345n);
  t.end();
});

t.test('selectors that are refused', (t) => {
  const gp = (errorCode: number) => ({ vector: 13, errorCode });
  const code = 0x00cf_9800_0000_ffffn;
  const data = 0x00cf_9200_0000_ffffn;
  const cases: [string, Bench, object | undefined][] = [
    ['null DS', load('ds', 3), undefined],
    ['null SS', load('ss', 0), gp(0)],
    ['beyond the GDT', load('ds', 0x100), gp(0x100)],
    ['beyond the LDT', load('ds', 0xc), gp(0xc)],
    ['execute-only code as data', load('ds', SELECTOR, code), gp(0x50)],
    ['readable code as data', load('ds', SELECTOR, code | (2n << 40n)), undefined],
    ['code as stack', load('ss', SELECTOR, code | (2n << 40n)), gp(0x50)],
    ['read-only stack', load('ss', SELECTOR, 0x00cf_9000_0000_ffffn), gp(0x50)],
    ['a system descriptor', load('ds', SELECTOR, 0x0000_8900_0000_ffffn), gp(0x50)],
    ['RPL 3 of ring 0 data', load('ds', SELECTOR | 3, data), gp(0x50)],
    ['RPL 3 of the stack', load('ss', SELECTOR | 3, data), gp(0x50)],
    ['DPL 3 of the stack', load('ss', SELECTOR, data | (3n << 45n)), gp(0x50)],
    ['DPL 3 of data', load('ds', SELECTOR | 3, data | (3n << 45n)), undefined],
    ['data not present', load('ds', SELECTOR, 0x00cf_1200_0000_ffffn), { vector: 11, errorCode: 0x50 }],
    ['stack not present', load('ss', SELECTOR, 0x00cf_1200_0000_ffffn), { vector: 12, errorCode: 0x50 }],
  ];
  for (const [name, bench, expected] of cases) t.same(fault(bench), expected, name);
  t.end();
});

t.test('accesses beyond limits and against rights', (t) => {
  // mov %al,0x1000 and mov 0x1000,%al through DS
  const [write, read] = ['a200100000', 'a000100000'];
  const data = (limit: bigint, attributes: bigint) => ({ 'ds.limit': limit, 'ds.attributes': attributes });
  const at = (hex: string, fields: Record<string, bigint>) => fault(trapping(hex, { fields }));
  const refused = { vector: 13, errorCode: 0 };
  t.same(at(read, data(0xfffn, 0x4093_00n)), refused);
  t.same(at(read, data(0x1000n, 0x4093_00n)), undefined);
  t.same(at('a100100000', data(0x1002n, 0x4093_00n)), refused, 'the last of four bytes');
  t.same(at('a100100000', data(0x1003n, 0x4093_00n)), undefined);
  t.same(at(write, data(0xffff_ffffn, 0xcf91_00n)), refused, 'read-only');
  t.same(at(read, data(0xffff_ffffn, 0xcf99_00n)), refused, 'execute-only');
  t.same(at(read, { 'ds.selector': 0n, ...data(0n, 0n) }), refused, 'null');
  // Expand down: allowed above the limit.
  t.same(at(read, data(0xfffn, 0x4097_00n)), undefined);
  t.same(at(read, data(0x1000n, 0x4097_00n)), refused);
  t.same(at('a1feff0000', data(0xfffn, 0x0097_00n)), refused, 'beyond 64 KiB of a 16-bit one');
  // mov (%ebp),%al
  const stack = trapping('8a4500', { fields: { 'ss.limit': 0xffffn, rbp: 0x1_0000n } });
  t.same(fault(stack), { vector: 12, errorCode: 0 });
  t.end();
});

t.test('real mode and virtual selectors: base only', (t) => {
  const bench = new Bench('8ed8', { bitness: 16, fields: { rax: 0x1234n, 'ds.limit': 0xffff_ffffn } });
  bench.steps(1);
  t.same(
    ['selector', 'base', 'limit', 'attributes'].map((part) => bench.field(`ds.${part}`)),
    [0x1234n, 0x12340n, 0xffff_ffffn, 0x9300n],
  );
  t.end();
});

t.test('PUSH, POP, MOV from segment registers', (t) => {
  const bench = new Bench('1e 07 8cd8 668cdb 8c1d00400000', { fields: { rax: -1n, rbx: -1n } });
  bench.put(0x7ffc, 'ffffffff');
  bench.put(0x4000, 'ffffffff');
  bench.steps(1);
  t.equal(bench.read32(0x7ffc), 0x10);
  bench.steps(4);
  t.same([bench.field('rax'), bench.field('rbx')], [0x10n, 0xffff_0010n]);
  t.equal(bench.read32(0x4000), 0xffff_0010, '16 bits of memory');
  t.equal(bench.field('rsp'), 0x8000n);
  t.end();
});

t.test('LSS loads the stack pointer, too; a refused one changes nothing', (t) => {
  const bench = trapping('0fb22500400000');
  bench.put(0x4000, '00900000 1000');
  bench.steps(1);
  t.same([bench.field('rsp'), bench.field('ss.selector')], [0x9000n, 0x10n]);
  bench.put(0x4004, '0800');
  bench.set('rip', 0x1000n);
  t.same(fault(bench), { vector: 13, errorCode: 8 });
  t.equal(bench.field('rsp'), 0x9000n - 16n);
  t.end();
});

t.test('a null SS is allowed in 64-bit mode', (t) => {
  const bench = new Bench('8ed0', { bitness: 64 });
  t.equal(bench.steps(1), undefined);
  t.same([bench.field('ss.selector'), bench.field('ss.attributes')], [0n, 0n]);
  t.end();
});

t.test('LLDT, LTR, and what reads them', (t) => {
  const bench = trapping('0f00d0 0f00db 0f00c1 0f00ca', { fields: { rax: 0x50n, rbx: 0x58n } });
  bench.describe(0x50, 0x0000_8200_4000_00ffn);
  bench.describe(0x58, 0x0000_8900_6000_0067n);
  bench.steps(4);
  t.same([bench.field('ldtr.base'), bench.field('tr.base')], [0x4000n, 0x6000n]);
  t.same([bench.field('rcx'), bench.field('rdx')], [0x50n, 0x58n]);
  t.equal(bench.field('tr.attributes'), 0x8b00n);
  t.equal(bench.read64(0x2058), 0x0000_8b00_6000_0067n, 'busy');
  bench.set('rip', 0x1003n);
  t.same(fault(bench), { vector: 13, errorCode: 0x58 }, 'a busy one is refused');
  t.end();
});

t.test('as QEMU does it: TR is not seen busy, code not accessed', (t) => {
  const bench = new Bench('0f00d8 ea0010000050 00', { fields: { rax: 0x58n }, habits: TCG });
  bench.describe(0x50, 0x00cf_9a00_0000_ffffn);
  bench.describe(0x58, 0x0000_8900_6000_0067n);
  bench.put(0x1003, 'ea 00100000 5000');
  bench.steps(2);
  t.same([bench.field('tr.attributes'), bench.field('cs.attributes')], [0x8900n, 0xcf9a00n]);
  t.equal(bench.read64(0x2050), 0x00cf_9a00_0000_ffffn);
  t.end();
});

t.test('LAR, LSL, VERR, VERW', (t) => {
  const bench = new Bench('0f02c8 0f03d0 0f00e0 0f00e8', { fields: { rax: 0x50n } });
  bench.describe(0x50, 0x00c1_9b00_0000_2345n);
  bench.steps(3);
  t.same([bench.field('rcx'), bench.field('rdx')], [0xc09b00n, 0x1234_5fffn]);
  t.equal(bench.field('rflags') & 0x40n, 0x40n, 'readable');
  bench.steps(1);
  t.equal(bench.field('rflags') & 0x40n, 0n, 'not writable');
  bench.set('rip', 0x1000n);
  bench.set('rax', 0x100n);
  bench.steps(1);
  t.same([bench.field('rcx'), bench.field('rflags') & 0x40n], [0xc09b00n, 0n], 'beyond the table');
  t.end();
});
