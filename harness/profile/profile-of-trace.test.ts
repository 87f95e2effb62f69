/** CLAIM: what cannot be told as a profile is refused, each by its name: no profile is made that would lie. */
import t from 'tap';
import { fileOf, run, smallBoot, traceOfBoot } from '../replay/testdata/small-boot.ts';
import { TraceReader } from '../trace/trace-reader.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { STATE_WORDS, writeField } from '../x86/state/state-layout.ts';
import type { Capture } from './capture.ts';
import { cpuAnswers } from './cpu-answers.ts';
import { entryRules } from './entry-rules.ts';
import { observeBoot } from './observed-boot.ts';
import { ObservedCalls } from './observed-calls.ts';
import { profileOfTraces } from './profile-of-trace.ts';
import type { Question } from './question.ts';
import { differingReplies } from './reply-differences.ts';
import { replyOf } from './reply.ts';
import { header, image } from '../multiboot2/testdata/image-builder.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import { smallReply } from './testdata/small-profile.ts';

const disassembler = await loadDisassembler();
const store = new CodeStore(disassembler);
const options = { name: 'small', again: '', madeAt: new Date(0) };

t.test('no trace; one of another image; one without boot information', async (t) => {
  await t.rejects(profileOfTraces([], store, options), { name: 'MachineProfileError', message: /no trace/ });
  const boot = smallBoot(disassembler, '90 f4');
  const bytes = await fileOf(boot);
  await t.rejects(profileOfTraces([{ bytes, image: Buffer.from('other') }], store, options), {
    name: 'TraceImageError',
  });
  await t.rejects(profileOfTraces([{ bytes, image: boot.image }], store, options), {
    ...{ name: 'MachineProfileError', message: /boot information has 0 bytes/ },
  });
});

t.test('inputs are seen with their questions', async (t) => {
  // mov $1,%eax; cpuid; rdtsc; in $0x64,%al; mov $0x1b,%ecx; rdmsr; jmp to hlt
  const boot = smallBoot(disassembler, 'b801000000 0fa2 0f31 e464 b91b000000 0f32 eb00 f4');
  const trace = await traceOfBoot(boot);
  const { inputs } = observeBoot(trace, boot.image, store, { onCall: () => () => undefined });
  t.match(inputs, [
    { kind: 'cpuid', asked: [1, 0] },
    { kind: 'timestamp', asked: [] },
    { kind: 'port', asked: [0x64, 1] },
    { kind: 'modelSpecific', asked: [0x1b] },
  ]);
  t.match(cpuAnswers([{ loadBase: 0x1000, inputs: [...inputs, ...inputs] }]), {
    cpuid: [{ leaf: 1, subleaf: 0, answers: { length: 1 } }],
    timestamps: [{ loadBase: 0x1000, answers: [0n, 0n] }],
  });
});

t.test('a trace that the model does not follow', async (t) => {
  // jmp far away: the trace has no record of it
  const boot = smallBoot(disassembler, 'a100200000 eb00 f4');
  const lacking = new TraceReader(await fileOf({ ...boot, records: boot.records }));
  t.throws(() => observeBoot(lacking, boot.image, store, { onCall: () => () => undefined }), {
    ...{
      name: 'UnobservableBootError',
      message: /small~boot: the model stopped \(unknown memory\); only a trace that/,
    },
  });
});

t.test('a call of nothing that is known', async (t) => {
  // call 0x5000
  const boot = smallBoot(disassembler, '90 f4');
  const words = boot.initial.slice();
  writeField(words, 'rip', 0x1005n);
  const code = Buffer.from('e8fb3f0000eb00f4', 'hex');
  const calling = {
    initial: boot.initial,
    image: code,
    records: [{ kind: 'excursion' as const, words, changed: [] }],
  };
  const observer = new ObservedCalls({ loadBase: 0x1000, sizeBytes: 0x200 }, new PhysicalMemory('unknown'));
  const trace = await traceOfBoot(calling);
  t.throws(() => observeBoot(trace, code, store, observer), {
    ...{ name: 'CallNotUnderstoodError', message: /^call 1, at 0x00005000: it is at no function/ },
  });
});

const question: Question = {
  ...{ text: 'EFI Something()', outputs: [], scratch: { start: 0x8000, end: 0x9000 } },
  places: [{ through: 'argument 1', address: 0x1010, sizeBytes: () => 2 }],
};

t.test('a reply: through arguments, the firmware’s own memory, no stack; else it is refused', async (t) => {
  const [before, after] = [new Int32Array(STATE_WORDS), new Int32Array(STATE_WORDS)];
  writeField(after, 'rdx', 0x1100n);
  writeField(after, 'rbx', 0x1_1100n);
  const memory = new PhysicalMemory('unknown');
  memory.load(0x1010, Uint8Array.of(7, 8));
  const call = { question, before, after, memory, ignored: new Set<string>() };
  const place = { loadBase: 0x1000, sizeBytes: 0x200 };
  const changes = [
    run(0x1010, '07'),
    run(0x8ff0, '00'.repeat(16)),
    run(0x8fff, '0102'),
    run(0xa000, '0011000000000000'),
  ];
  t.match(replyOf({ ...call, changes }, place), {
    registers: [
      { name: 'rdx', bits: 16 },
      { name: 'rbx', bits: 32, value: 0x1_1100n },
    ],
    writes: [
      { through: 'argument 1', at: 0, bytes: { 0: 7, 1: 8, length: 2 } },
      { through: 'memory', at: 0x9000, bytes: { 0: 2, length: 1 } },
      { through: 'memory', at: 0xa000, moved: [0] },
    ],
  });
  t.throws(() => replyOf({ ...call, changes: [run(0x1012, '01')] }, place), {
    ...{
      name: 'CallNotUnderstoodError',
      message: /^EFI Something\(\): it wrote 1 bytes at 0x00001012, in the image/,
    },
  });
});

t.test('a register that depends on the base without a rule', async (t) => {
  const states = [1n, 2n].map((value) => {
    const words = new Int32Array(STATE_WORDS);
    writeField(words, 'rsi', value);
    return words;
  });
  const captures = [0x400000, 0x800000].map(
    (loadBase) => ({ loadBase, header: { firmware: 'bios' } }) as Capture,
  );
  const kernel = parseBootImage(image(header([{ type: 3, payload: [0x200040] }])));
  t.throws(() => entryRules(states, captures, kernel), {
    ...{
      name: 'MachineProfileError',
      message: /rsi at entry is 0x00000001, 0x00000002 at 0x00400000, 0x00800000/,
    },
  });
});

t.test('captures that differ are told', async (t) => {
  const capture = (loadBase: number, ...replies: ReturnType<typeof smallReply>[]) => ({
    ...{ capture: { loadBase, header: { instance: 'small' } }, calls: { replies } },
  });
  const moved = (value: bigint) =>
    smallReply('EFI A()', { registers: [{ name: 'rdx', bits: 64, value, isMoved: true }] });
  t.same(differingReplies('bios', [capture(0x1000, moved(0x1010n)), capture(0x3000, moved(0x3010n))]), []);
  t.match(differingReplies('bios', [capture(0x1000, moved(0x1010n)), capture(0x3000, moved(0x3011n))]), [
    /^call 1, EFI A\(\): rdx is another at 0x00003000$/,
  ]);
  t.match(differingReplies('efi', [capture(0x1000, moved(0x1010n)), capture(0x3000, moved(0x3011n))]), [
    /^1 times a register that a service may change/,
  ]);
  t.match(differingReplies('bios', [capture(1, smallReply('A')), capture(2)]), [/called 0 times, not 1/]);
  const writes = (byte: number) => [{ through: 'memory' as const, at: 5, bytes: Uint8Array.of(byte) }];
  t.match(
    differingReplies('efi', [
      capture(1, smallReply('A', { writes: writes(1) })),
      capture(2, smallReply('A', { writes: writes(2) })),
    ]),
    [/what it writes at memory\+0x5 is another/],
  );
});
