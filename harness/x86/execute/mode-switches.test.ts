import t from 'tap';
import { Bench } from './testdata/bench.ts';

/** Real → protected → long → compatibility → real mode, an interrupt there, HLT. */
const TOUR = `
  fa bb1021 0f01160021        cli; mov $0x2110,%bx; lgdtw 0x2100
  66b811000000 0f22c0         mov $0x11,%eax; mov %eax,%cr0
  66ea 1a100000 0800          ljmpl $8,$prot
  66b81000 8ed8 8ed0          mov $0x10,%ax; mov %ax,%ds; mov %ax,%ss
  bc00300000                  mov $0x3000,%esp
  b820000000 0f22e0           mov $0x20,%eax; mov %eax,%cr4
  b800400000 0f22d8           mov $0x4000,%eax; mov %eax,%cr3
  b9800000c0 0f32             mov $0xc0000080,%ecx; rdmsr
  0d00010000 0f30             or $0x100,%eax; wrmsr
  b811000080 0f22c0           mov $0x80000011,%eax; mov %eax,%cr0
  ea 54100000 1800            ljmp $0x18,$long
  48b88877665544332211        movabs $0x1122334455667788,%rax
  50 4159                     push %rax; pop %r9
  6a08 488d0503000000 50 48cb push $8; lea compat(%rip),%rax; push %rax; lretq
  b811000000 0f22c0           mov $0x11,%eax; mov %eax,%cr0
  b9800000c0 31c0 31d2 0f30   mov $0xc0000080,%ecx; xor %eax,%eax; xor %edx,%edx; wrmsr
  ea 87100000 2000            ljmp $0x20,$bits16
  b82800 8ed8 8ed0            mov $0x28,%ax; mov %ax,%ds; mov %ax,%ss
  66b810000000 0f22c0         mov $0x10,%eax; mov %eax,%cr0
  ea 9c00 0001                ljmp $0x100,$real
  8cc8 8ed8 8ed0              mov %cs,%ax; mov %ax,%ds; mov %ax,%ss
  0f011e0611 cd21 f4          lidtw 0x1106; int $0x21; hlt`
  .split('\n')
  .map((line) => /^ *((?:[0-9a-f]{2,} )+)/.exec(line)?.[1] ?? '')
  .join('');

const STEPS_TO_PROTECTED = 6;
const STEPS_TO_LONG = 15;
const STEPS_TO_COMPATIBILITY = 7;
const STEPS_TO_BITS16 = 7;
const STEPS_TO_REAL = 6;

t.test('the way through all modes and back', (t) => {
  const bench = new Bench(TOUR, { bitness: 16, fields: { 'gdtr.limit': 0n } });
  bench.put(0x2100, 'ff00 00200000');
  bench.put(0x2106, 'ff03 00220000');
  bench.put(0x2200 + 4 * 0x21, 'f0000001');
  bench.put(0x10f0, 'cf');
  bench.put64(0x4000, 0x5003n);
  bench.put64(0x5000, 0x6003n);
  bench.put64(0x6000, 0x83n);
  const { cpu } = bench;

  t.equal(bench.steps(STEPS_TO_PROTECTED), undefined);
  t.same([cpu.bitness, bench.field('rip'), bench.field('cs.attributes')], [32, 0x101an, 0xcf9b00n]);
  t.equal(bench.field('gdtr.limit'), 0xffn);

  t.equal(bench.steps(STEPS_TO_LONG), undefined);
  t.same([cpu.bitness, bench.field('rip'), bench.field('efer')], [64, 0x1054n, 0x500n]);
  t.equal(bench.read64(0x5000), 0x6023n, 'accessed');

  t.equal(bench.steps(STEPS_TO_COMPATIBILITY), undefined);
  t.same([cpu.bitness, cpu.isLongMode, bench.field('rip')], [32, true, 0x106dn]);
  t.equal(bench.field('rsp'), 0x3000n);

  t.equal(bench.steps(STEPS_TO_BITS16), undefined);
  t.same([cpu.bitness, cpu.isLongMode, bench.field('cs.limit')], [16, false, 0xffffn]);

  t.equal(bench.steps(STEPS_TO_REAL), undefined);
  t.same([bench.field('cs.selector'), bench.field('cs.base'), bench.field('rip')], [0x100n, 0x1000n, 0x9cn]);
  t.equal(bench.field('cs.attributes'), 0x9b00n, 'as the last descriptor had them');

  t.equal(bench.steps(5), undefined);
  t.equal(bench.field('idtr.base'), 0x2200n);
  t.same([bench.field('rip'), bench.field('rsp')], [0xf0n, 0x2ffan]);
  t.equal(bench.read32(0x1000 + 0x2ffa), 0x010000a9, 'CS and IP behind the INT');
  t.equal(bench.steps(1), undefined);
  t.same([bench.field('rip'), bench.field('rsp')], [0xa9n, 0x3000n]);
  t.match(bench.steps(1), { kind: 'halted' });
  t.end();
});
