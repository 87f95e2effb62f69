import t from 'tap';
import { readField } from '../x86/state/state-layout.ts';
import { hexBytes, IMAGE_BYTES, LINKED, smallBoot } from './testdata/small-offline.ts';

const BOUND = 10_000;
/** mov 0x201000(%esi),%eax; addl $1,0x201000(%esi); hlt; of what stood there: */
const COUNTS = '8b86 00102000 8386 00102000 01 f4';

void t.test('each run begins anew, whatever the one before wrote', (t) => {
  const boot = smallBoot({ code: COUNTS });
  for (const loadBase of [0x80_0000, 0x80_0000, 0x100_0000, LINKED]) {
    const run = boot.run({ loadBase, bound: BOUND });
    t.equal(readField(run.cpu.words, 'rax'), 0n, loadBase.toString(16));
    t.equal(run.cpu.physical.read(loadBase + 0x1000, 1)[0], 1);
    t.same(run.findings, []);
  }
  t.end();
});

void t.test('a stale copy lies at the link base, but where the image itself does', (t) => {
  // mov 0x200000,%eax; hlt
  const code = 'a1 00002000 f4';
  const value = BigInt(hexBytes(code).readUInt32LE());
  const rax = (loadBase: number) =>
    readField(smallBoot({ code }).run({ loadBase, bound: BOUND }).cpu.words, 'rax');
  t.equal(rax(0x80_0000), value);
  t.equal(rax(LINKED), value);
  const overlapping = smallBoot({ code: COUNTS }).run({ loadBase: LINKED + 0x1000, bound: BOUND });
  t.equal(overlapping.cpu.physical.read(LINKED + 0x2000, 1)[0], 1, 'the image is what is there');
  t.same(overlapping.findings, []);
  t.end();
});

void t.test('changes hold for one run', (t) => {
  const boot = smallBoot({ code: COUNTS });
  // mov %eax,… in place of the addition’s base: addl $1,0x201000
  const changes = [{ offset: 6, bytes: hexBytes('8305') }];
  const rules = (given: object) =>
    boot.run({ loadBase: 0x80_0000, bound: BOUND, ...given }).findings.map(({ rule }) => rule);
  t.same(rules({ changes }), ['link-time-read']);
  t.same(rules({}), []);
  t.throws(() => rules({ changes: [{ offset: IMAGE_BYTES, bytes: Uint8Array.of(1) }] }), RangeError);
  t.end();
});

void t.test('what is laid around does not get into the image', (t) => {
  const loadBase = 0x80_0000;
  const laid = [
    { address: 0x1000, bytes: Uint8Array.of(7) },
    { address: loadBase + 0x1000, bytes: Uint8Array.of(7) },
  ];
  const { cpu } = smallBoot({ code: COUNTS, knowledge: { laid } }).run({ loadBase, bound: BOUND });
  t.equal(cpu.physical.read(0x1000, 1)[0], 7);
  t.equal(readField(cpu.words, 'rax'), 0n);
  t.end();
});

void t.test('the same boot step by step', (t) => {
  const stepped = smallBoot({ code: COUNTS }).begin(0x80_0000);
  t.equal(stepped.step(), undefined);
  t.equal(stepped.cpu.linearInstruction, 0x80_0006n);
  t.equal(stepped.step(), undefined);
  t.match(stepped.step(), { kind: 'halted' });
  t.end();
});

void t.test('values and addresses are told apart by where they come from', (t) => {
  // mov $0x200000,%eax; mov %eax,0x201000(%esi); hlt
  const run = (code: string) =>
    smallBoot({ code })
      .run({ loadBase: 0x80_0000, bound: BOUND })
      .findings.map(({ rule }) => rule);
  t.same(run('b8 00002000 8986 00102000 f4'), ['link-time-pointer']);
  const told = smallBoot({ code: 'b8 00002000 8986 00102000 f4' }).run({
    ...{ loadBase: 0x80_0000, bound: BOUND },
    isData: (_linear, value) => value === LINKED,
  });
  t.same(told.findings, []);
  t.end();
});
