/** CLAIM: a trace of code that forgets its base is found out by the rules of the offline check, a trace of code that does not is not. */
import t from 'tap';
import type { FileOptions, SmallBoot, SmallRecord } from '../replay/testdata/small-boot.ts';
import { CODE_BASE, run, smallBoot, traceOfBoot } from '../replay/testdata/small-boot.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { Cpu } from '../x86/execute/cpu.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { flatState } from '../x86/execute/testdata/flat-state.ts';
import { writeField } from '../x86/state/state-layout.ts';
import { BORROWED_WORD } from './expected-of-xen.ts';
import { knowledgeOf } from './knowledge-of.ts';
import { linkedImageOf, SanitizedTrace, WatchedCode } from './sanitized-trace.ts';

const LINKED = 0x20_0000;
/** What the code below refers to. */
const TOUCHED = LINKED + 0x10;
const EXPECTED = CODE_BASE + 0x10;

const disassembler = await loadDisassembler();
const watched = new WatchedCode(disassembler);

async function judged(boot: SmallBoot, options: FileOptions = {}, limit = Infinity) {
  const trace = await traceOfBoot(boot, { linkBase: LINKED, ...options });
  const loaded = linkedImageOf(trace.header);
  const knowledge = knowledgeOf({ subject: 'kernel', loaded, symbols: undefined }, disassembler);
  const sanitized = new SanitizedTrace(trace, boot.image, knowledge, watched);
  const end = sanitized.replay.run({ limit });
  const findings = sanitized.findings(end).map(({ rule, instruction, touched, expected }) => ({
    ...{ rule, at: Number(instruction.linear) - CODE_BASE, touched: Number(touched) },
    ...(expected === undefined ? {} : { expected: Number(expected) }),
  }));
  return { findings, divergence: end.divergence };
}

const found = async (code: string, options?: FileOptions) => {
  const { findings, divergence } = await judged(smallBoot(disassembler, code), options);
  if (divergence) throw new Error('the small boot diverges from itself');
  return findings;
};

const withInput = (boot: SmallBoot, rax: bigint): SmallBoot => ({
  ...boot,
  records: boot.records.map((record): SmallRecord => {
    if (!('words' in record)) return record;
    const words = record.words.slice();
    writeField(words, 'rax', rax);
    return { ...record, words };
  }),
});

const place = { touched: TOUCHED, expected: EXPECTED };

t.test('code that stays with its base, and code that runs where it was linked', async (t) => {
  t.same(await found('a3 00110000 a1 00110000 f4'), []);
  // mov %eax,0x1100; mov $0x1010,%eax; mov %eax,0x1104; jmp *%eax to hlt
  const all = 'a3 00110000 b8 11100000 a3 04110000 ffe0 f4';
  t.same(await found(all, { linkBase: CODE_BASE }), [], 'the link-time range is its own');
});

t.test('a write to where it was linked', async (t) => {
  t.same(await found('90 a3 10002000 f4'), [{ rule: 'link-time-write', at: 1, ...place }]);
});

t.test('a read, of bytes that the trace brings with it', async (t) => {
  const boot = smallBoot(disassembler, 'a1 10002000 f4');
  const memory: SmallRecord = { kind: 'memory', runs: [run(TOUCHED, '00000000')], cause: 'read' };
  const { findings, divergence } = await judged({ ...boot, records: [memory, ...boot.records] });
  t.equal(divergence, undefined);
  t.same(findings, [{ rule: 'link-time-read', at: 0, ...place }], 'loading them was no access');
});

t.test('control that goes there', async (t) => {
  // movb $0xf4,0x200010; mov $0x200010,%eax; jmp *%eax: what is executed there is no defect of its own
  const [write, jump, beyond] = await found('c605 10002000 f4 b8 10002000 ffe0');
  t.match(write, { rule: 'link-time-write', at: 0 });
  t.same(jump, { rule: 'link-time-execute', at: 12, ...place });
  t.equal(beyond, undefined);
});

t.test('tables', async (t) => {
  // movw $0x17,0x1100; movl $0x200010,0x1102; lgdt 0x1100
  t.same(await found('66c705 00110000 1700 c705 02110000 10002000 0f0115 00110000 f4'), [
    { rule: 'link-time-pointer', at: 9, ...place },
    { rule: 'link-time-table', at: 19, ...place },
  ]);
});

t.test('a stored number: an address where it was the image’s, data where it came from outside', async (t) => {
  t.same(await found('b8 10002000 a3 00110000 f4'), [{ rule: 'link-time-pointer', at: 5, ...place }]);
  // rdtsc; mov %eax,0x1100
  const { findings, divergence } = await judged(
    withInput(smallBoot(disassembler, '0f31 a3 00110000 f4'), BigInt(TOUCHED)),
  );
  t.equal(divergence, undefined);
  t.same(findings, []);
});

t.test('what firmware wrote over an address is none', async (t) => {
  // movl $0x200010,0x1100; call 0x5000; mov 0x1100,%eax; mov %eax,0x1104
  const code = 'c705 00110000 10002000 e8 f13f0000 a1 00110000 a3 04110000 f4';
  const boot = smallBoot(disassembler, code.replace('e8 f13f0000', '9090909090'));
  const image = Buffer.from(code.replaceAll(' ', ''), 'hex');
  const [first, ...rest] = boot.records;
  const after = rest[4];
  if (!first || !after || !('words' in after)) throw new Error('six steps are expected');
  const call: SmallRecord = { kind: 'excursion', words: after.words, changed: [run(0x1100, '10002000')] };
  const { findings, divergence } = await judged({
    ...{ initial: boot.initial, image },
    records: [first, call, ...rest.slice(5)],
  });
  t.equal(divergence, undefined);
  t.same(
    findings.map(({ rule, at }) => [rule, at]),
    [
      ['link-time-pointer', 0],
      ['foreign-write', 10],
    ],
    'its stack is nobody’s; the store at 20 is of data',
  );
});

t.test('memory that is not its own', async (t) => {
  // movb $0xf4,0x5000; mov $0x5000,%eax; jmp *%eax
  t.same(await found('c605 00500000 f4 b8 00500000 ffe0'), [
    { rule: 'foreign-write', at: 0, touched: 0x5000 },
    { rule: 'foreign-execute', at: 0x4000, touched: 0x5000 },
  ]);
});

t.test('a call of the firmware, with a stack of its own', async (t) => {
  const calls = async (rsp: bigint) => {
    const initial = flatState(64);
    writeField(initial, 'rip', BigInt(CODE_BASE));
    writeField(initial, 'rsp', rsp);
    const words = initial.slice();
    writeField(words, 'rip', BigInt(CODE_BASE + 5));
    const image = Buffer.from('e8fb3f0000f4', 'hex');
    return judged({ initial, image, records: [{ kind: 'excursion', words, changed: [] }] });
  };
  t.same(await calls(0x3_0000n), { findings: [], divergence: undefined }, 'UEFI gives it one');
  const { findings } = await calls(0x3_0008n);
  t.same(findings, [{ rule: 'firmware-stack', at: 0, touched: 0x3_0000 }]);
});

t.test('what was found before a divergence stands, and what it was a divergence of', async (t) => {
  const boot = smallBoot(disassembler, '90 c705 00110000 10002000 a3 10002000 f4');
  const records = boot.records.map((record, index): SmallRecord => {
    if (index < 2 || !('words' in record)) return record;
    const words = record.words.slice();
    writeField(words, 'rbx', 7n);
    return { ...record, words };
  });
  const { findings, divergence } = await judged({ ...boot, records });
  t.match(divergence, { at: { step: 3 } });
  t.same(
    findings.map(({ rule }) => rule),
    ['link-time-pointer', 'link-time-write'],
  );
});

t.test('one trace after another', async (t) => {
  t.equal((await found('a3 10002000 f4')).length, 1);
  t.same(await found('90 f4'), []);
  t.equal(watched.slot.current, undefined);
});

t.test('the word that Xen borrows is its own where it is entered in 32-bit mode', (t) => {
  const loaded = { linkBase: LINKED, loadSize: 0x5800 };
  const knowledge = knowledgeOf({ subject: 'xen', loaded, symbols: undefined }, disassembler);
  const cpu = new Cpu(new PhysicalMemory('zero'));
  t.same(knowledge.owned(cpu, LINKED, 'bios', 0xffc, cpu.state()), BORROWED_WORD);
  t.equal(knowledge.owned(cpu, LINKED, 'efi', 0xffc, cpu.state()), undefined);
  t.match(knowledge.owned(cpu, LINKED, 'bios', 0x1000, cpu.state()), { start: 0x1000 });
  t.end();
});
