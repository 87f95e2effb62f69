import t from 'tap';
import { HARDWARE, TCG } from './habits.ts';
import { Bench, type BenchOptions } from './testdata/bench.ts';

/** The same program on both. */
function both(hex: string, options: BenchOptions, prepare: (bench: Bench) => void): [Bench, Bench] {
  return [HARDWARE, TCG].map((habits) => {
    const fields = { 'idtr.base': 0x5000n, 'idtr.limit': 0x3ffn, ...options.fields };
    const bench = new Bench(hex, { ...options, fields, habits });
    prepare(bench);
    bench.steps(1);
    return bench;
  }) as [Bench, Bench];
}

const TABLES = { cr0: 0x8000_0011n, cr3: 0x10000n, cr4: 0x20n };

function mapLow(bench: Bench): void {
  bench.put64(0x10000, 0x11003n);
  bench.put64(0x11000, 0x12003n);
  bench.put64(0x12000, 0x83n);
}

t.test('limits of data segments', (t) => {
  const options = { fields: { 'ds.limit': 0xfn, 'ds.attributes': 0x4091_00n } };
  const benches = both('a000400000', options, (bench) =>
    bench.put64(0x5000 + 13 * 8, 0x0000_8e00_0008_3000n),
  );
  t.same(
    benches.map((bench) => bench.field('rip')),
    [0x3000n, 0x1005n],
  );
  t.end();
});

t.test('RF in what a fault pushes', (t) => {
  const benches = both('0f0b', {}, (bench) => bench.put64(0x5000 + 6 * 8, 0x0000_8e00_0008_3000n));
  t.same(
    benches.map((bench) => bench.read32(0x7ffc)),
    [0x10002, 2],
  );
  t.end();
});

t.test('SS on a stack of the interrupt stack table', (t) => {
  const fields = { ...TABLES, 'tr.base': 0x6000n, 'tr.limit': 0x67n };
  const benches = both('0f0b', { bitness: 64, fields }, (bench) => {
    mapLow(bench);
    bench.put64(0x6024, 0x9000n);
    bench.put64(0x5000 + 6 * 16, 0x0000_8e01_0018_3000n);
  });
  t.same(
    benches.map((bench) => bench.field('ss.selector')),
    [0x10n, 0n],
  );
  t.same(
    benches.map((bench) => bench.field('rsp')),
    [0x8fd8n, 0x8fd8n],
  );
  t.end();
});

t.test('the error code of a gate that is none, in long mode', (t) => {
  const benches = both('cd20', { bitness: 64, fields: TABLES }, (bench) => {
    mapLow(bench);
    bench.put64(0x5000 + 13 * 16, 0x0000_8e00_0018_3000n);
  });
  t.same(
    benches.map((bench) => bench.read64(0x7fd0)),
    [0x102n, 0x202n],
  );
  t.end();
});

t.test('a data segment that an outer level may not see', (t) => {
  const benches = both('cf', {}, (bench) =>
    bench.put(0x8000, '00400000 33000000 02000000 00900000 3b000000'),
  );
  t.same(
    benches.map((bench) => bench.field('ds.attributes')),
    [0n, 0xcf1300n],
  );
  t.same(
    benches.map((bench) => bench.field('ds.selector')),
    [0n, 0n],
  );
  t.end();
});
