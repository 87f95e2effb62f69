import t from 'tap';
import { SILENT, type Inputs } from './inputs.ts';
import { Bench, type BenchOptions } from './testdata/bench.ts';

/** #UD, #NM and #GP go to 0x3060, 0x3070 and 0x30d0. */
function trapping(hex: string, options: BenchOptions = {}): Bench {
  const bench = new Bench(hex, {
    ...options,
    fields: { 'idtr.base': 0x5000n, 'idtr.limit': 0xffn, ...options.fields },
  });
  for (const vector of [6, 7, 13])
    bench.put64(0x5000 + vector * 8, 0x0000_8e00_0008_3000n + BigInt(vector * 16));
  return bench;
}

const vectorAfter = (hex: string, options: BenchOptions = {}, count = 1): bigint | undefined => {
  const bench = trapping(hex, options);
  bench.steps(count);
  const rip = bench.field('rip');
  return rip >= 0x3000n && rip < 0x3200n ? (rip - 0x3000n) / 16n : undefined;
};

const RING_3 = {
  'cs.selector': 0x33n,
  'cs.attributes': 0xcffb00n,
  'ss.selector': 0x3bn,
  'ss.attributes': 0xcff300n,
  'tr.base': 0x6000n,
  'tr.limit': 0x67n,
  'tr.attributes': 0x8b00n,
};

/** A ring 3 bench whose faults find a stack. */
function user(hex: string, fields: BenchOptions['fields'] = {}): Bench {
  const bench = trapping(hex, { fields: { ...RING_3, ...fields } });
  bench.put(0x6004, '00700000 1000');
  bench.put(0x6066, '6800');
  return bench;
}

t.test('MOV to CR0', (t) => {
  const write = (rax: bigint, fields = {}) => vectorAfter('0f22c0', { fields: { rax, ...fields } });
  t.equal(write(0x8000_0010n), 13n, 'PG without PE');
  t.equal(write(0x2000_0011n), 13n, 'NW without CD');
  t.equal(write(0x8000_0011n, { efer: 0x100n }), 13n, 'long mode without PAE');
  const bench = new Bench('0f22c0', { fields: { rax: 1n } });
  bench.steps(1);
  t.equal(bench.field('cr0'), 0x11n, 'ET stays');
  t.end();
});

t.test('MOV to CR4, CR3 and CR8', (t) => {
  t.equal(vectorAfter('0f22e0', { fields: { rax: 0x8000_0000n } }), 13n, 'reserved');
  t.equal(vectorAfter('0f22e0', { fields: { rax: 0x2_0000n } }), 13n, 'PCID outside long mode');
  t.match(trapping('0f22e0', { fields: { rax: 0x1000n } }).steps(1), { kind: 'unsupported', what: /five/ });
  const long = new Bench('0f22d8 440f22c3 440f20c1 0f20da', {
    bitness: 64,
    fields: { rax: 0x12_3456_7000n, rbx: 5n },
  });
  t.equal(long.steps(4), undefined);
  t.same([long.field('cr3'), long.field('rcx'), long.field('rdx')], [0x12_3456_7000n, 5n, 0x12_3456_7000n]);
  t.end();
});

t.test('system instructions are for ring 0', (t) => {
  const cases = [
    '0f22c0',
    '0f20c0',
    '0f06',
    '0f01f0',
    '0f0115001000 00',
    'f4',
    '0f30',
    '0f32',
    '0f09',
    'fa',
    'fb',
    'ec',
    'ee',
    '0f013d00100000',
    '0f23c0',
  ];
  for (const hex of cases) {
    const bench = user(hex);
    bench.steps(1);
    t.equal(bench.field('rip'), 0x30d0n, hex);
  }
  t.equal(user('fa', { rflags: 0x3002n }).steps(1), undefined);
  t.end();
});

t.test('the I/O permission bit map', (t) => {
  const allowed = user('e460 e464', { 'tr.limit': 0x7fn });
  // Bit map at 0x68; port 0x60 is bit 0 of byte 12, port 0x64 bit 4.
  allowed.put(0x6068 + 12, '10');
  allowed.steps(1);
  t.equal(allowed.field('rip'), 0x1002n);
  allowed.steps(1);
  t.equal(allowed.field('rip'), 0x30d0n);
  t.end();
});

t.test('LMSW sets PE and does not clear it; SMSW; CLTS', (t) => {
  const bench = new Bench('0f01f0 0f01e3 0f06', { fields: { rax: 0xe_000en & 0xen, cr0: 0x11n } });
  bench.steps(2);
  t.same([bench.field('cr0'), bench.field('rbx')], [0x1fn, 0x1fn]);
  bench.steps(1);
  t.equal(bench.field('cr0'), 0x17n);
  t.end();
});

t.test('LGDT, LIDT, SGDT, SIDT', (t) => {
  const bench = new Bench('0f011d00400000 660f011500400000 0f010d10400000 660f010d20400000');
  bench.put(0x4000, '3412 78563412');
  bench.steps(1);
  t.same([bench.field('idtr.base'), bench.field('idtr.limit')], [0x12345678n, 0x1234n]);
  bench.steps(1);
  t.equal(bench.field('gdtr.base'), 0x345678n, '24 bits');
  bench.steps(2);
  t.equal(bench.read64(0x4010), 0x1234_5678_1234n);
  t.equal(bench.read64(0x4020), 0x34_5678_1234n, '24 bits');

  const long = new Bench('0f0110 0f0103', {
    bitness: 64,
    fields: { rax: 0x4000n, rbx: 0x5000n, cr0: 0x8000_0011n, cr3: 0x10000n, cr4: 0x20n },
  });
  long.put64(0x10000, 0x11003n);
  long.put64(0x11000, 0x83n);
  long.put(0x4000, 'ff00 0010000000 80ffff');
  long.put(0x4006, '000080ff');
  long.put(0x4000, 'ff00 0000 2040 d082 ffff');
  long.steps(2);
  t.same([long.field('gdtr.base'), long.field('gdtr.limit')], [0xffff_82d0_4020_0000n, 0xffn]);
  t.equal(long.read64(0x5002), 0xffff_82d0_4020_0000n);
  t.end();
});

t.test('CPUID, RDTSC, RDTSCP and MSRs ask outside', (t) => {
  const written: unknown[] = [];
  const inputs: Inputs = {
    ...SILENT,
    cpuid: (leaf, subleaf, into) => void into.set([leaf, subleaf, 3, 4]),
    timestamp: (into) => void into.set([5, 6]),
    readModelSpecific: (index, into) => void into.set([index, 7]),
    writeModelSpecific: (index, low, high) => void written.push([index, low, high]),
  };
  const bench = new Bench('0fa2 0f31 0f01f9 0f32 0f30', { inputs, fields: { rax: 1n, rcx: 2n } });
  const registers = () => ['rax', 'rbx', 'rcx', 'rdx'].map((name) => Number(bench.field(name)));
  bench.steps(1);
  t.same(registers(), [1, 2, 3, 4]);
  bench.steps(1);
  t.same(registers(), [5, 2, 3, 6]);
  bench.steps(1);
  t.same(registers(), [5, 2, 0xc000_0103, 6]);
  bench.set('rcx', 0x1bn);
  bench.steps(2);
  t.same(registers(), [0x1b, 2, 0x1b, 7]);
  t.same(written, [[0x1b, 0x1b, 7]]);
  t.end();
});

t.test('EFER, FS and GS bases, SWAPGS', (t) => {
  t.equal(vectorAfter('0f30', { fields: { rcx: 0xc000_0080n, rax: 2n } }), 13n, 'reserved');
  t.equal(vectorAfter('0f30', { fields: { rcx: 0xc000_0101n, rdx: 0x8000n } }), 13n, 'not canonical');
  const bench = new Bench('0f30 0f01f8 0f30 0f01f8', {
    bitness: 64,
    fields: { rcx: 0xc000_0101n, rax: 0x1000n, rdx: 0xffff_8000n },
  });
  bench.steps(1);
  t.equal(bench.field('gs.base'), 0xffff_8000_0000_1000n);
  t.match(bench.steps(1), { kind: 'unsupported', what: /swapgs/ });
  bench.set('rip', 0x1005n);
  bench.set('rcx', 0xc000_0102n);
  bench.set('rax', 0x2000n);
  bench.steps(2);
  t.equal(bench.field('gs.base'), 0xffff_8000_0000_2000n);
  t.end();
});

t.test('ports; address line 20 by port 92h and by the keyboard controller', (t) => {
  const written: unknown[] = [];
  const inputs: Inputs = {
    ...SILENT,
    readPort: (port, sizeBytes) => port + sizeBytes,
    writePort: (...call) => void written.push(call),
  };
  // in $0x70,%al; in (%dx),%eax; out %al,$0x92 …
  const bench = new Bench('e470 ed e692 b0d1e664 b0dfe660 b0dde664 b0dfe664', {
    inputs,
    fields: { rdx: 0x1000n, a20: 0n },
  });
  bench.put(0x10_0000, '55');
  bench.steps(1);
  t.equal(bench.field('rax'), 0x71n);
  bench.steps(1);
  t.equal(bench.field('rax'), 0x1004n);
  bench.set('rax', 2n);
  bench.steps(1);
  t.same([bench.field('a20'), written], [1n, [[0x92, 1, 2]]]);
  bench.set('a20', 0n);
  bench.steps(4);
  t.equal(bench.field('a20'), 1n, 'command d1h, then data');
  bench.steps(2);
  t.equal(bench.field('a20'), 0n, 'command ddh');
  bench.steps(2);
  t.equal(bench.field('a20'), 1n, 'command dfh');
  t.end();
});

t.test('HLT, CLI, STI; the FPU as far as boot code asks for it', (t) => {
  const bench = trapping('fb fa f4', { fields: { rflags: 0x2n } });
  bench.steps(1);
  t.equal(bench.field('rflags'), 0x202n);
  bench.steps(1);
  t.equal(bench.field('rflags'), 2n);
  t.match(bench.steps(1), { kind: 'halted' });
  t.equal(bench.field('rip'), 0x1002n);

  const fpu = trapping('dbe3 dfe0 d93d00400000', { fields: { rax: 0xffffn } });
  fpu.steps(3);
  t.same([fpu.field('rax'), fpu.read32(0x4000)], [0n, 0x37f]);
  t.equal(vectorAfter('dbe3', { fields: { cr0: 0x19n } }), 7n, 'task switched');
  t.end();
});

t.test('MOV to and from debug registers', (t) => {
  const bench = trapping('0f23f8 0f21fb 0f21f1 0f23c0 0f21c2', { fields: { rax: 1n } });
  bench.steps(5);
  t.same(
    ['rbx', 'rcx', 'rdx'].map((name) => bench.field(name)),
    [0x401n, 0xffff_0ff0n, 1n],
  );
  t.equal(vectorAfter('0f21e0', { fields: { cr4: 8n } }), 6n, 'DR4 with CR4.DE');
  t.end();
});
