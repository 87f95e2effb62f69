/**
 * CLAIM: a trace that says what the machine did replays without a divergence; one that lies in a single place is caught
 * there, and every kind of disagreement is told with what was recorded and what the model has.
 */
import t, { type Test } from 'tap';
import { loadDisassembler } from '../x86/disassembler.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { RFLAGS, writeField } from '../x86/state/state-layout.ts';
import { HISTORY, type Divergence } from './divergence.ts';
import { divergenceText } from './divergence-text.ts';
import { Replay } from './replay.ts';
import {
  CODE_BASE,
  run,
  smallBoot,
  traceOfBoot,
  type SmallBoot,
  type SmallRecord,
} from './testdata/small-boot.ts';

const disassembler = await loadDisassembler();
const store = new CodeStore(disassembler);

async function replay(boot: SmallBoot, limit?: number) {
  const { steps, guestSteps, divergence } = new Replay(await traceOfBoot(boot), boot.image, store).run(
    limit === undefined ? {} : { limit },
  );
  return { steps, guestSteps, divergence };
}

/** The boot with one record another. */
function spoiled(boot: SmallBoot, index: number, spoil: (record: SmallRecord) => SmallRecord): SmallBoot {
  return { ...boot, records: boot.records.map((each, at) => (at === index ? spoil(each) : each)) };
}

function withField(record: SmallRecord, name: string, value: bigint): SmallRecord {
  if (!('words' in record)) throw new Error('it has no state');
  const words = record.words.slice();
  writeField(words, name, value);
  return { ...record, words };
}

async function diverges(t: Test, boot: SmallBoot, step: number, linear: number): Promise<Divergence> {
  const { steps, divergence } = await replay(boot);
  if (!divergence) throw new Error('it agrees');
  t.equal(steps, step - 1, 'all before agree');
  t.match(divergence.at, { step, linear: BigInt(linear), bitness: 32 });
  return divergence;
}

const text = (divergence: Divergence): string => divergenceText(divergence, disassembler).join('\n');

/** 1000 mov; 1005 mov; 100a add; 100c push; 100d mov to memory; 1012 hlt */
const SUMS = 'b805000000 bb07000000 01d8 50 a300200000 f4';

t.test('what is true agrees', async (t) => {
  const boot = smallBoot(disassembler, SUMS);
  t.same(await replay(boot), { steps: 5, guestSteps: 5, divergence: undefined });
  t.same(await replay(boot, 3), { steps: 3, guestSteps: 3, divergence: undefined }, 'as far as is wanted');
});

t.test('state: one register in one step', async (t) => {
  const boot = smallBoot(disassembler, SUMS);
  const found = await diverges(
    t,
    spoiled(boot, 2, (step) => withField(step, 'rax', 13n)),
    3,
    0x100a,
  );
  t.same(found.disagreement, { kind: 'state', fields: [{ name: 'rax', expected: 13n, actual: 12n }] });
  t.match(text(found), /^step 3, 0x0000100a\n {2}rax {2}recorded 0x0{15}d, model 0x0{15}c\n/);
  t.match(
    text(found),
    /the last 2 steps before it, and it:\n {3}1 {2}0x00001000 .*mov.*\n.*\n=> 3 .* 01d8 +add /,
  );
});

t.test('state: a flag that is defined, by name', async (t) => {
  const boot = smallBoot(disassembler, SUMS);
  const lie = spoiled(boot, 2, (step) => {
    if (!('words' in step)) throw new Error('no state');
    const words = step.words.slice();
    words[RFLAGS]! ^= 0x41;
    return { ...step, words };
  });
  t.match(text(await diverges(t, lie, 3, 0x100a)), /rflags {2}recorded 0x\w{8}, model 0x\w{8} \(CF ZF\)/);
});

t.test('state: every field is compared', async (t) => {
  const boot = smallBoot(disassembler, '90 90 f4');
  for (const name of [
    'rip',
    'rsp',
    'r15',
    'cs.base',
    'ss.attributes',
    'ldtr.limit',
    'gdtr.base',
    'cr3',
    'efer',
    'a20',
  ])
    await t.test(name, async (t) => {
      const lie = spoiled(boot, 0, (step) => withField(step, name, 0x99n));
      t.match((await diverges(t, lie, 1, CODE_BASE)).disagreement, {
        kind: 'state',
        fields: [{ name, expected: 0x99n }],
      });
    });
});

t.test('undefined flags are taken over, whatever they are', async (t) => {
  // mul sets CF and OF alone; the jump after it looks at PF.
  const boot = smallBoot(disassembler, 'b805000000 f7e0 b801000000 f4');
  const other = boot.records.map((record, index) => {
    if (!('words' in record) || index < 1) return record;
    const words = record.words.slice();
    words[RFLAGS]! ^= 0x4;
    return { ...record, words };
  });
  t.match(await replay({ ...boot, records: other }), { steps: 3, divergence: undefined });
});

/** mov $4,%ecx; mov $0x1100,%edi; cld; rep stosb; hlt */
const FILL = 'b904000000 bf00110000 fc f3aa f4';

t.test('iterations', async (t) => {
  const boot = smallBoot(disassembler, FILL);
  t.match(await replay(boot), { steps: 4, guestSteps: 7, divergence: undefined });
  const lie = spoiled(boot, 3, (record) => ({ ...record, iterations: 5 }) as SmallRecord);
  const found = await diverges(t, lie, 4, 0x100b);
  t.same(found.disagreement, { kind: 'iterations', expected: 5, actual: 4 });
  t.match(text(found), '5 iterations were recorded, the model ran 4');
});

t.test('memory: a digest of what was stored', async (t) => {
  const boot = smallBoot(disassembler, SUMS);
  // 0x6b92_60a4: CRC-32 of 0c 00 00 00, as Python's zlib has it.
  const digest = (crc32: number): SmallBoot => ({
    ...boot,
    records: [...boot.records, { kind: 'digest', digests: [{ address: 0x2000, sizeBytes: 4, crc32 }] }],
  });
  t.equal((await replay(digest(0x6b92_60a4))).divergence, undefined);
  const found = (await replay(digest(0))).divergence!;
  t.match(found.disagreement, { kind: 'memory', address: 0x2000, sizeBytes: 4, expectedCrc32: 0 });
  t.match(
    text(found),
    /memory 0x00002000 to 0x00002004, stored to before: CRC-32 0x0{8} was recorded, the model's is/,
  );
});

/** mov 0x2000,%eax; hlt */
const LOAD = 'a100200000 f4';

t.test('stopped: memory that the trace does not hold', async (t) => {
  const boot = smallBoot(disassembler, LOAD);
  const withMemory = (hex: string): SmallBoot => ({
    ...boot,
    records: [{ kind: 'memory', runs: [run(0x2000, hex)], cause: 'read' }, ...boot.records],
  });
  t.equal((await replay(withMemory('00000000'))).divergence, undefined);
  const dropped = await diverges(t, boot, 1, CODE_BASE);
  t.match(dropped.disagreement, {
    kind: 'stopped',
    reason: { kind: 'unknown memory', physical: 0x2000, sizeBytes: 4 },
  });
  t.match(
    text(dropped),
    'the model stopped: it reads 4 bytes at 0x00002000, of which the trace says nothing',
  );
  t.match(
    (await diverges(t, withMemory('000000'), 1, CODE_BASE)).disagreement,
    { kind: 'stopped' },
    'a byte too few',
  );
  t.match(
    (await diverges(t, withMemory('00000100'), 1, CODE_BASE)).disagreement,
    { kind: 'state' },
    'another byte',
  );
});

t.test('stopped: an input without its record', async (t) => {
  // rdtsc; hlt
  const boot = smallBoot(disassembler, '0f31 f4');
  t.equal(boot.records[0]?.kind, 'input');
  const told = spoiled(boot, 0, (record) => withField(record, 'rax', 0x1234n));
  t.equal((await replay(told)).divergence, undefined, 'what it was told is what it has');
  const lie = spoiled(boot, 0, (record) => ({ ...record, kind: 'step' }) as SmallRecord);
  t.match(
    text(await diverges(t, lie, 1, CODE_BASE)),
    'the model stopped: the time stamp was not recorded as an input',
  );
});

t.test('stopped: an opcode that nobody knows, HLT, a triple fault', async (t) => {
  const nops = smallBoot(disassembler, '90 f4');
  const instead = async (hex: string) => {
    const boot = { ...nops, image: Buffer.from(hex, 'hex') };
    return text(await diverges(t, boot, 1, CODE_BASE));
  };
  t.match(
    await instead('0f0e'),
    /the model stopped: unknown opcode 0f0e\w* \(femms\) at 0x00001000 in 32-bit code/,
  );
  t.match(await instead('f4'), 'the model stopped: HLT');
  t.match(await instead('0f0b'), /the model stopped: triple fault, first exception 6/);
});

/** call 0x5000; hlt */
const CALL = 'e8fb3f0000 f4';

function callsOut(boot: SmallBoot, after: number, kind: 'excursion' | 'step' = 'excursion'): SmallBoot {
  const words = boot.initial.slice();
  writeField(words, 'rip', BigInt(after));
  writeField(words, 'rax', 0x77n);
  const record: SmallRecord =
    kind === 'step' ? { kind, words } : { kind, words, changed: [run(0x1180, 'aabb')] };
  return { ...boot, records: [record] };
}

t.test('excursions: what is outside is taken from the trace', async (t) => {
  const boot: SmallBoot = {
    ...smallBoot(disassembler, 'f4'),
    image: Buffer.from(CALL.replaceAll(' ', ''), 'hex'),
  };
  const reader = new Replay(await traceOfBoot(callsOut(boot, 0x1005)), boot.image, store);
  t.match(reader.run(), { steps: 1, divergence: undefined });
  t.same(reader.cpu.physical.read(0x1180, 2), Uint8Array.of(0xaa, 0xbb));
  t.match(
    (await replay(callsOut(boot, 0x1005, 'step'))).divergence?.disagreement,
    { kind: 'state' },
    'told as a step',
  );
});

t.test('stayed: an excursion that the model knows nothing of', async (t) => {
  const boot = callsOut(smallBoot(disassembler, '90 f4'), 0x1001);
  const found = await diverges(t, boot, 1, CODE_BASE);
  t.same(found.disagreement, { kind: 'stayed', linear: 0x1001n });
  t.match(text(found), 'control left here, according to the trace; the model goes on at 0x00001001, inside');
});

t.test('the 20 steps before it, no more, and names where there are some', async (t) => {
  const boot = smallBoot(disassembler, `${'40'.repeat(30)} f4`);
  const found = await diverges(
    t,
    spoiled(boot, 27, (step) => withField(step, 'rax', 0n)),
    28,
    0x101b,
  );
  t.equal(found.before.length, HISTORY);
  t.same(
    found.before.map(({ step }) => step),
    Array.from({ length: 20 }, (_, index) => 8 + index),
  );
  const lines = divergenceText(found, disassembler, {
    symbol: (linear) => `start+0x${(linear - 0x1000n).toString(16)}`,
    sourceLine: () => 'boot/head.S:12',
  });
  t.equal(lines[0], 'step 28, 0x0000101b <start+0x1b>, boot/head.S:12');
  t.match(lines.at(-1), /^=> 28 {2}0x0000101b <start\+0x1b> {2}40 +inc +%?eax$/);
  t.match(lines.at(-21), /^ {3}8 {2}0x00001007 <start\+0x7> /);
  t.equal(lines.length, 1 + 1 + 1 + 21);
});
