import t from 'tap';
import { Bench, type BenchOptions } from './testdata/bench.ts';

const IDT_AT = 0x5000;
const TSS_AT = 0x6000;

/** A gate of 8 bytes. @param kind present, privilege level and type: 0x8e is a 32-bit interrupt gate of ring 0. */
function gate(bench: Bench, vector: number, kind: number, selector: number, offset: number): void {
  const value = BigInt((offset & 0xffff) + selector * 0x1_0000) | (BigInt(kind * 0x100) << 32n);
  bench.put64(IDT_AT + vector * 8, value | (BigInt(offset >>> 16) << 48n));
}

function longGate(bench: Bench, vector: number, kind: number, offset: number, ist = 0): void {
  const first = BigInt(offset & 0xffff) | (0x18n << 16n) | (BigInt(ist) << 32n) | (BigInt(kind) << 40n);
  bench.put64(IDT_AT + vector * 16, first | (BigInt(offset >>> 16) << 48n));
  bench.put64(IDT_AT + vector * 16 + 8, 0n);
}

const IDT = { 'idtr.base': BigInt(IDT_AT), 'idtr.limit': 0x7ffn };
const TSS = { 'tr.selector': 0x50n, 'tr.base': BigInt(TSS_AT), 'tr.limit': 0x67n, 'tr.attributes': 0x8b00n };
const RING_3 = {
  'cs.selector': 0x33n,
  'cs.attributes': 0xcffb00n,
  'ss.selector': 0x3bn,
  'ss.attributes': 0xcff300n,
  'ds.selector': 0x3bn,
  'ds.attributes': 0xcff300n,
};

const bench32 = (hex: string, fields: BenchOptions['fields'] = {}) =>
  new Bench(hex, { fields: { ...IDT, ...fields } });

t.test('a fault through an interrupt gate, and back', (t) => {
  const bench = bench32('0f0b 90', { rflags: 0x202n });
  gate(bench, 6, 0x8e, 8, 0x3000);
  // addl $2,(%esp); iret
  bench.put(0x3000, '83042402 cf');
  t.equal(bench.steps(1), undefined);
  t.same([bench.field('rip'), bench.field('rsp'), bench.field('rflags')], [0x3000n, 0x7ff4n, 2n]);
  t.same(
    [0x7ff4, 0x7ff8, 0x7ffc].map((at) => bench.read32(at)),
    [0x1000, 8, 0x10202],
    'RF in the image',
  );
  bench.steps(2);
  t.same([bench.field('rip'), bench.field('rsp')], [0x1002n, 0x8000n]);
  t.equal(bench.field('rflags') & 0x200n, 0x200n);
  t.end();
});

t.test('INT through a trap gate keeps IF; the return address is behind it', (t) => {
  const bench = bench32('cd40', { rflags: 0x202n });
  gate(bench, 0x40, 0x8f, 8, 0x3000);
  bench.steps(1);
  t.equal(bench.field('rflags'), 0x202n);
  t.same([bench.read32(0x7ff4), bench.read32(0x7ffc)], [0x1002, 0x202]);
  t.end();
});

t.test('a 16-bit gate pushes words and clears the upper half of the target', (t) => {
  const bench = bench32('cc');
  gate(bench, 3, 0x86, 8, 0x1234_3000);
  bench.steps(1);
  t.same([bench.field('rip'), bench.field('rsp')], [0x3000n, 0x7ffan]);
  t.equal(bench.read32(0x7ffa), 0x0008_1001);
  t.end();
});

t.test('to an inner level: the stack of the task state segment, and back', (t) => {
  const bench = bench32('cd40', { ...TSS, ...RING_3 });
  bench.put(TSS_AT + 4, '00700000 1000');
  gate(bench, 0x40, 0xee, 8, 0x3000);
  bench.put(0x3000, 'cf');
  bench.steps(1);
  t.same([bench.field('cs.selector'), bench.field('ss.selector'), bench.field('rsp')], [8n, 0x10n, 0x6fecn]);
  t.same(
    [0x6fec, 0x6ff0, 0x6ff4, 0x6ff8, 0x6ffc].map((at) => bench.read32(at)),
    [0x1002, 0x33, 2, 0x8000, 0x3b],
  );
  bench.set('ds.selector', 0x10n);
  bench.set('ds.attributes', 0xcf9300n);
  bench.steps(1);
  t.same(
    [bench.field('cs.selector'), bench.field('ss.selector'), bench.field('rsp')],
    [0x33n, 0x3bn, 0x8000n],
  );
  t.same([bench.field('ds.selector'), bench.field('ds.attributes')], [0n, 0n], 'what ring 3 may not see');
  t.end();
});

t.test('INT asks the privilege level of the gate', (t) => {
  const bench = bench32('cd40', { ...TSS, ...RING_3 });
  bench.put(TSS_AT + 4, '00700000 1000');
  gate(bench, 0x40, 0x8e, 8, 0x3000);
  gate(bench, 13, 0x8e, 8, 0x3100);
  bench.steps(1);
  t.equal(bench.field('rip'), 0x3100n);
  t.same([bench.read32(0x6fe8), bench.read32(0x6fec)], [0x40 * 8 + 2, 0x1000], 'RIP at the INT');
  t.end();
});

t.test('a fault of delivery that comes in place of the first', (t) => {
  const missing = bench32('0f0b');
  gate(missing, 11, 0x8e, 8, 0x3000);
  gate(missing, 6, 0x0e, 8, 0x3100);
  missing.steps(1);
  t.same(
    [missing.field('rip'), missing.read32(0x7ff0)],
    [0x3000n, 6 * 8 + 3],
    '#NP with EXT for a gate not present',
  );
  t.end();
});

t.test('a double fault, then a triple one', (t) => {
  // mov $0x100,%ax; mov %ax,%ds with a limit of 0xff: #GP(0x100); its gate is none
  const bench = bench32('66b80001 8ed8');
  gate(bench, 8, 0x8e, 8, 0x3000);
  t.equal(bench.steps(2), undefined);
  t.same([bench.field('rip'), bench.read32(0x7ff0), bench.read32(0x7ff4)], [0x3000n, 0, 0x1004]);
  bench.set('idtr.limit', 0n);
  bench.set('rip', 0x1000n);
  t.equal(bench.steps(1), undefined);
  t.match(bench.steps(1), { kind: 'triple fault', vector: 13, errorCode: 0x100 });
  t.same([bench.field('rip'), bench.field('rsp')], [0x1004n, 0x7ff0n], 'nothing has changed');
  t.end();
});

t.test('what is not modelled stops by name', (t) => {
  const task = bench32('cc');
  gate(task, 3, 0x85, 0x50, 0);
  t.match(task.steps(1), { kind: 'unsupported', what: /task gate/ });
  t.match(bench32('cf', { rflags: 0x4002n }).steps(1), { kind: 'unsupported', what: /nested task/ });
  const virtual = bench32('cf');
  virtual.put(0x8000, '00100000 08000000 02000200');
  t.match(virtual.steps(1), { kind: 'unsupported', what: /virtual-8086/ });
  t.end();
});

t.test('real mode: the vector table', (t) => {
  const bench = new Bench('0f0b', { bitness: 16, fields: { 'idtr.limit': 0x3ffn, rflags: 0x302n } });
  bench.put(6 * 4, '34120020');
  bench.steps(1);
  t.same(
    [bench.field('cs.selector'), bench.field('cs.base'), bench.field('rip')],
    [0x2000n, 0x20000n, 0x1234n],
  );
  t.equal(bench.field('rflags'), 2n);
  t.same([bench.read32(0x7ffa), bench.field('rsp')], [0x1000, 0x7ffan]);
  bench.set('idtr.limit', 0n);
  bench.put(0x21234, '0f0b');
  t.match(bench.steps(1), { kind: 'triple fault', vector: 6 });
  t.end();
});

/** 64-bit code with the first 2 MiB mapped to themselves. */
function longBench(hex: string, fields: BenchOptions['fields'] = {}, userBit = 0n): Bench {
  const bench = new Bench(hex, {
    bitness: 64,
    fields: { ...IDT, ...TSS, cr3: 0x10000n, cr4: 0x20n, cr0: 0x8000_0011n, 'tr.limit': 0x67n, ...fields },
  });
  bench.put64(0x10000, 0x11003n | userBit);
  bench.put64(0x11000, 0x12003n | userBit);
  bench.put64(0x12000, 0x83n | userBit);
  return bench;
}

t.test('64-bit gates push SS and RSP on an aligned stack', (t) => {
  const bench = longBench('0f0b', { rsp: 0x8006n });
  longGate(bench, 6, 0x8e, 0x3000);
  bench.put(0x3000, '48cf');
  bench.steps(1);
  t.same([bench.field('rip'), bench.field('rsp')], [0x3000n, 0x7fd8n]);
  t.same(
    [0x7fd8, 0x7fe0, 0x7fe8, 0x7ff0, 0x7ff8].map((at) => bench.read64(at)),
    [0x1000n, 8n, 0x10002n, 0x8006n, 0x10n],
  );
  bench.set('cs.selector', 0x18n);
  bench.put64(0x7fe0, 0x18n);
  bench.steps(1);
  t.same([bench.field('rip'), bench.field('rsp')], [0x1000n, 0x8006n]);
  t.end();
});

t.test('an interrupt stack table entry', (t) => {
  const bench = longBench('8a042500002000');
  bench.put64(TSS_AT + 0x24 + 8, 0x9000n);
  longGate(bench, 14, 0x8e, 0x3000, 2);
  bench.steps(1);
  t.same([bench.field('rip'), bench.field('rsp'), bench.field('cr2')], [0x3000n, 0x8fd0n, 0x200000n]);
  t.same([bench.read64(0x8fd0), bench.field('ss.selector')], [0n, 0x10n]);
  t.end();
});

t.test('64-bit: to an inner level SS becomes null', (t) => {
  const bench = longBench('0f0b', { ...RING_3, 'cs.selector': 0x43n, 'cs.attributes': 0xaffb00n }, 4n);
  bench.put64(TSS_AT + 4, 0x7000n);
  longGate(bench, 6, 0x8e, 0x3000);
  bench.put(0x3000, '48cf');
  bench.steps(1);
  t.same([bench.field('ss.selector'), bench.field('rsp'), bench.cpu.privilege], [0n, 0x6fd8n, 0]);
  bench.steps(1);
  t.same([bench.field('ss.selector'), bench.field('cs.selector'), bench.cpu.privilege], [0x3bn, 0x43n, 3]);
  t.end();
});

t.test('a page fault while a page fault is delivered is a double fault', (t) => {
  const bench = longBench('8a042500002000', { rsp: 0x40_0000n });
  bench.put64(TSS_AT + 0x24, 0x9000n);
  longGate(bench, 14, 0x8e, 0x3000);
  longGate(bench, 8, 0x8e, 0x3100, 1);
  bench.steps(1);
  t.same([bench.field('rip'), bench.field('rsp')], [0x3100n, 0x8fd0n]);
  t.equal(bench.field('cr2'), 0x3f_fff8n);
  t.end();
});

t.test('INTO and BOUND', (t) => {
  const into = bench32('ce', { rflags: 0x802n });
  gate(into, 4, 0x8e, 8, 0x3000);
  into.steps(1);
  t.same([into.field('rip'), into.read32(0x7ff4)], [0x3000n, 0x1001]);
  t.equal(bench32('ce').steps(1), undefined);

  const bound = bench32('620500400000', { rax: 0xffff_fffen });
  bound.put(0x4000, 'fdffffff 05000000');
  gate(bound, 5, 0x8e, 8, 0x3000);
  bound.steps(1);
  t.equal(bound.field('rip'), 0x1006n, 'inside');
  bound.set('rip', 0x1000n);
  bound.set('rax', 6n);
  bound.steps(1);
  t.equal(bound.field('rip'), 0x3000n);
  t.end();
});
