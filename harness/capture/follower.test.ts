/**
 * CLAIM: the follower writes what the machine did, whatever the model thinks of it; where the two part it says so, and of
 * memory it writes what the instructions read, as it was when they read it.
 */
import t from 'tap';
import { memoryWithImage } from '../replay/loaded-memory.ts';
import { Replay } from '../replay/replay.ts';
import { code, CODE_BASE, headerOf, smallBoot, type SmallBoot } from '../replay/testdata/small-boot.ts';
import { DIGEST, END, MEMORY, RECORD_NAMES } from '../trace/record.ts';
import { TraceReader } from '../trace/trace-reader.ts';
import { TraceWriter } from '../trace/trace-writer.ts';
import { loadDisassembler } from '../x86/disassembler.ts';
import { CodeStore } from '../x86/execute/code-store.ts';
import { TCG } from '../x86/execute/habits.ts';
import { readField, STATE_WORDS, writeField } from '../x86/state/state-layout.ts';
import { Follower, type ModelNote } from './follower.ts';
import { touchedPages } from './live-pages.ts';
import type { States } from './state-buffer.ts';
import { fakeRam, type FakeRam } from './testdata/fake-ram.ts';

const disassembler = await loadDisassembler();
const store = new CodeStore(disassembler);
const RAM_BYTES = 0x8000;

/** The initial state and the one after each record. */
function statesOf({ initial, records }: SmallBoot): States {
  const all = [initial, ...records.flatMap((record) => ('words' in record ? [record.words] : []))];
  const words = new Int32Array(all.length * STATE_WORDS);
  all.forEach((state, index) => words.set(state, index * STATE_WORDS));
  const iterations = records.map((record) => (record.kind === 'repeat' ? record.iterations : 0));
  return { count: all.length, words, iterations: Uint32Array.from([0, ...iterations]) };
}

interface Bench {
  readonly follower: Follower;
  readonly ram: FakeRam;
  readonly notes: ModelNote[];
  /** Ends the trace. */
  readonly end: () => Promise<TraceReader>;
}

/** @param entry writes what RAM holds at the entry, beside the image. */
async function bench(
  boot: SmallBoot,
  entry: (ram: Uint8Array) => void = () => undefined,
  touched?: { start: number; end: number }[],
): Promise<Bench> {
  const header = headerOf(boot.image);
  const pieces: Uint8Array[] = [];
  const writer = new TraceWriter((bytes) => void pieces.push(bytes), header, boot.initial);
  const ram = fakeRam(RAM_BYTES, touched);
  ram.bytes.set(boot.image, CODE_BASE);
  entry(ram.bytes);
  const notes: ModelNote[] = [];
  const follower = new Follower({
    ...{ writer, store, ram, initial: boot.initial, habits: TCG },
    memory: memoryWithImage(header, boot.image),
    entryPages: await touchedPages(ram),
    onNote: (note) => void notes.push(note),
  });
  const end = async () => {
    await writer.end('done');
    return new TraceReader(Buffer.concat(pieces));
  };
  return { follower, ram, notes, end };
}

/** `step`, `repeat ×4`, `memory read 2000 +64` …, in their order. */
function recordsOf(trace: TraceReader): string[] {
  const cursor = trace.cursor();
  const said: string[] = [];
  for (let kind = cursor.next(); kind !== END; kind = cursor.next()) {
    const name = RECORD_NAMES[kind];
    if (kind === MEMORY)
      said.push(
        ...cursor.memory.map(
          ({ address, bytes }) => `${name} ${cursor.memoryCause} ${address.toString(16)} +${bytes.length}`,
        ),
      );
    else if (kind === DIGEST)
      said.push(
        ...cursor.digests.map(({ address, sizeBytes }) => `${name} ${address.toString(16)} +${sizeBytes}`),
      );
    else said.push(name === 'repeat' ? `${name} ×${cursor.iterations}` : name);
  }
  return said;
}

const replays = (trace: TraceReader, { image }: SmallBoot) =>
  new Replay(trace, image, store).run().divergence === undefined;

/** The boot with one state's field another, from that step on. */
function otherwise(boot: SmallBoot, from: number, name: string, value: bigint): SmallBoot {
  const records = boot.records.map((record, index) => {
    if (index < from || !('words' in record)) return record;
    const words = record.words.slice();
    writeField(words, name, value);
    return { ...record, words };
  });
  return { ...boot, records };
}

t.test('steps, inputs and repeats; what was stored is in a digest', async (t) => {
  // mov $4,%ecx; mov $0x1100,%edi; mov $7,%al; cld; rep stosb; rdtsc; hlt
  const boot = smallBoot(disassembler, 'b904000000 bf00110000 b007 fc f3aa 0f31 f4');
  const { follower, ram, notes, end } = await bench(boot);
  ram.bytes.set([7, 7, 7, 7], 0x1100);
  await follower.segment(statesOf(boot), false);
  t.same(notes, []);
  const trace = await end();
  t.same(recordsOf(trace), ['step', 'step', 'step', 'step', 'repeat ×4', 'input', 'digest 1100 +64']);
  t.ok(replays(trace, boot));
});

t.test('memory that nobody knew: the line, as it was where the segment began', async (t) => {
  // mov 0x2010,%eax; mov %ebx,0x2010; hlt
  const boot = otherwise(
    smallBoot(disassembler, 'a110200000 891d10200000 f4', { rbx: 0x55n }),
    0,
    'rax',
    0x4433_2211n,
  );
  const { follower, ram, notes, end } = await bench(boot, (ram) => ram.set([0x11, 0x22, 0x33, 0x44], 0x2010));
  ram.bytes.set([0x55, 0, 0, 0], 0x2010);
  await follower.segment(statesOf(boot), false);
  t.same(notes, []);
  const trace = await end();
  t.same(recordsOf(trace), ['memory read 2000 +64', 'step', 'step', 'digest 2000 +64']);
  t.ok(replays(trace, boot));
});

t.test('memory that was never touched is read where it is, now', async (t) => {
  const boot = smallBoot(disassembler, 'a110200000 f4');
  const { follower, notes, end } = await bench(boot, undefined, [{ start: 0x1000, end: 0x2000 }]);
  await follower.segment(statesOf(boot), false);
  t.same(notes, []);
  t.same(recordsOf(await end()), ['memory read 2000 +64', 'step']);
});

t.test('what is no RAM cannot be told', async (t) => {
  // mov 0xfed00000,%eax; hlt
  const boot = smallBoot(disassembler, 'a10000d0fe f4');
  const { follower } = await bench(boot);
  await t.rejects(follower.segment(statesOf(boot), false), {
    name: 'UnreadableMemoryError',
    message: /the instruction at 0x1000 reads 0xfed00000, which is no RAM of the machine/,
  });
});

t.test('a model that is wrong is told once; the trace has the machine’s word', async (t) => {
  // mov $5,%eax; mov %eax,%ebx; nop; hlt: the machine has 6 in EAX, and goes on with it
  const honest = smallBoot(disassembler, 'b805000000 89c3 90 f4');
  const boot = otherwise(otherwise(honest, 0, 'rax', 6n), 1, 'rbx', 6n);
  const { follower, notes, end } = await bench(boot);
  await follower.segment(statesOf(boot), false);
  t.match(notes, [{ kind: 'state', step: 1, fields: [{ name: 'rax', expected: 6n, actual: 5n }] }]);
  t.equal(notes.length, 1);
  const cursor = (await end()).cursor();
  while (cursor.next() !== END);
  t.equal(readField(cursor.words, 'rax'), 6n);
  t.equal(readField(cursor.words, 'rbx'), 6n);
});

t.test('an instruction that the model does not know', async (t) => {
  const nops = smallBoot(disassembler, '90 90 90 f4');
  const boot: SmallBoot = { ...nops, image: code('0f0e 90 f4') };
  // It went from 1000 to 1002.
  const states = statesOf({ ...boot, records: nops.records.slice(1) });
  const { follower, notes, end } = await bench(boot);
  await follower.segment(states, false);
  t.match(notes, [{ kind: 'stopped', linear: BigInt(CODE_BASE), reason: { kind: 'unknown opcode' } }]);
  t.same(recordsOf(await end()), ['step', 'step'], 'all that the machine did');
});

t.test('memory that is another than the model’s', async (t) => {
  // movl $0x01020304,0x1100; hlt
  const boot = smallBoot(disassembler, 'c7050011000004030201 f4');
  const { follower, ram, notes, end } = await bench(boot);
  ram.bytes.set([4, 9, 2, 1], 0x1100);
  await follower.segment(statesOf(boot), false);
  t.same(notes, [{ kind: 'memory', step: 1, address: 0x1101, sizeBytes: 1 }]);
  t.same(recordsOf(await end()), ['step', 'memory written 1101 +1']);
  t.equal(follower.cpu.physical.read(0x1101, 1)[0], 9, 'the model goes on with it');
});

t.test('what interrupt handlers leave on the stack is nobody’s fault', async (t) => {
  // push %eax; pop %eax; hlt
  const leaves = async (flags: bigint) => {
    const boot = smallBoot(disassembler, '50 58 f4', { rflags: flags, rax: 1n });
    const at = await bench(boot);
    at.ram.bytes.set([0xaa], 0x2ffc);
    await at.follower.segment(statesOf(boot), false);
    return { notes: at.notes, records: recordsOf(await at.end()) };
  };
  t.same(await leaves(0x202n), { notes: [], records: ['step', 'step', 'memory written 2ffc +1'] });
  t.match(
    (await leaves(0x2n)).notes,
    [{ kind: 'memory', address: 0x2ffc, sizeBytes: 1 }],
    'interrupts are off',
  );
});

t.test(
  'an excursion: the call is executed, what it changed is recorded, and the model goes on',
  async (t) => {
    // mov 0x1100,%bl; call 0x5000; mov 0x1100,%al; hlt
    const image = code('8a1d00110000 e8f53f0000 a000110000 f4');
    const first = smallBoot(disassembler, '90 90 90 90 90 90 f4');
    const atCall = first.initial.slice();
    writeField(atCall, 'rip', 0x1006n);
    const boot: SmallBoot = { ...first, image, records: [{ kind: 'step', words: atCall }] };
    const { follower, ram, notes, end } = await bench(boot);
    await follower.segment(statesOf(boot), true);
    t.same([...follower.cpu.physical.read(0x2ffc, 4)], [0x0b, 0x10, 0, 0], 'the return address is pushed');
    ram.bytes.set([0x0b, 0x10, 0, 0], 0x2ffc);
    ram.bytes.set([0x77], 0x1100);
    const back = atCall.slice();
    writeField(back, 'rip', 0x100bn);
    writeField(back, 'rdx', 0x99n);
    await follower.returned(back, true);
    const last = back.slice();
    writeField(last, 'rip', 0x1010n);
    writeField(last, 'rax', 0x77n);
    const states = statesOf({ ...boot, initial: back, records: [{ kind: 'step', words: last }] });
    await follower.segment(states, false);
    t.same(notes, []);
    const trace = await end();
    t.same(recordsOf(trace), ['step', 'excursion', 'memory written 1100 +1', 'step']);
    t.ok(replays(trace, boot));
  },
);

t.test('a call that stays inside this time is a step', async (t) => {
  // call 0x1005 (the next instruction); hlt
  const boot: SmallBoot = { ...smallBoot(disassembler, 'f4'), image: code('e800000000 f4') };
  const { follower, ram, notes, end } = await bench(boot);
  await follower.segment(statesOf(boot), true);
  ram.bytes.set([0x05, 0x10, 0, 0], 0x2ffc);
  const after = boot.initial.slice();
  writeField(after, 'rip', 0x1005n);
  writeField(after, 'rsp', 0x2ffcn);
  await follower.returned(after, false);
  t.same(notes, []);
  const trace = await end();
  t.same(recordsOf(trace), ['step']);
  t.ok(replays(trace, boot));
});
