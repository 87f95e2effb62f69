import t from 'tap';
import { Bench } from './testdata/bench.ts';

const at = (rip: bigint) => ({ fields: { rip } });

t.test('code that changes itself is decoded anew', (t) => {
  // movb $0x41,0x1007 makes of the inc %eax behind it an inc %ecx
  const bench = new Bench('c6050710000041 40 f4');
  t.match(bench.steps(3), { kind: 'halted' });
  t.same([bench.field('rax'), bench.field('rcx')], [0n, 1n]);
  t.end();
});

t.test('an instruction across a page border', (t) => {
  const bench = new Bench('', at(0x1ffdn));
  // mov $0x44332211,%eax; jmp back
  bench.put(0x1ffd, 'b811223344 ebf9');
  bench.steps(2);
  t.same([bench.field('rax'), bench.field('rip')], [0x44332211n, 0x1ffdn]);
  bench.put(0x2000, '3355');
  bench.steps(1);
  t.equal(bench.field('rax'), 0x55332211n, 'a write to the second page is noticed');
  bench.steps(1);
  t.equal(bench.field('rip'), 0x1ffdn);
  bench.put(0x1ffe, '99');
  bench.steps(1);
  t.equal(bench.field('rax'), 0x55332299n);
  t.end();
});

t.test('an instruction across a page border that is written to by the one before it', (t) => {
  const bench = new Bench('', at(0x1ff6n));
  // movb $0x77,0x2001; mov $0x44332211,%eax
  bench.put(0x1ff6, 'c6050120000077 b811223344');
  bench.steps(2);
  t.equal(bench.field('rax'), 0x77332211n);
  t.end();
});

t.test('an instruction whose second page is not there', (t) => {
  const bench = new Bench('', { fields: { rip: 0x1ffdn, cr3: 0x10000n, 'idtr.limit': 0n } });
  bench.put(0x1ffd, 'b811223344');
  bench.put(0x10000, '03100100');
  for (const page of [0, 1, 0x10, 0x11])
    bench.put(0x11000 + 4 * page, `03${(page * 16).toString(16).padStart(2, '0')}0${page >> 4}00`);
  bench.set('cr0', 0x8000_0011n);
  t.match(bench.steps(1), { kind: 'triple fault', vector: 14, errorCode: 0 });
  t.equal(bench.field('cr2'), 0x2000n);
  t.equal(bench.field('rip'), 0x1ffdn);
  t.end();
});

t.test('bytes that are no instruction, or one without semantics', (t) => {
  t.match(new Bench('0f04').steps(1), { kind: 'unknown opcode', linear: 0x1000n, bitness: 32 });
  const reason = new Bench('0f05 90').steps(1);
  t.match(reason, { kind: 'unknown opcode', mnemonic: 'syscall', bytes: Uint8Array.of(0x0f, 0x05) });
  t.end();
});
