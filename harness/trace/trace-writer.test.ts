import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { STATE_WORDS } from '../x86/state/state-layout.ts';
import { HEADER, seeded, traceOf } from './testdata/trace-builder.ts';
import { TraceHeaderError, TraceTruncatedError, TraceWriterStateError } from './trace-errors.ts';
import { TraceReader } from './trace-reader.ts';
import { TraceWriter } from './trace-writer.ts';

const WORDS = new Int32Array(STATE_WORDS);
const ignore = (): void => undefined;

/** More than a chunk of steps that deflate badly. */
function writeMuch(writer: TraceWriter, steps = 40_000): void {
  const words = new Int32Array(STATE_WORDS);
  const random = seeded(7);
  for (let step = 0; step < steps; step++) {
    words[0] = random();
    words[2] = random();
    writer.step(words);
  }
}

t.test('a slow sink gets the same pieces, in order and one at a time', async (t) => {
  const fast = await traceOf((writer) => writeMuch(writer));
  const pieces: Uint8Array[] = [];
  let busy = 0;
  const slow = async (bytes: Uint8Array): Promise<void> => {
    t.equal(busy++, 0, 'the piece before was taken');
    await setImmediate();
    pieces.push(bytes);
    busy--;
  };
  const writer = new TraceWriter(slow, HEADER, WORDS);
  writeMuch(writer);
  await writer.end('__start_xen reached');
  t.ok(Buffer.concat(pieces).equals(fast));
});

t.test('what was flushed can be read though nothing more came', async (t) => {
  const pieces: Uint8Array[] = [];
  const writer = new TraceWriter((bytes) => void pieces.push(bytes), HEADER, WORDS);
  writeMuch(writer, 1000);
  await writer.flush();
  writeMuch(writer, 10);
  const reader = new TraceReader(Buffer.concat(pieces));
  t.type(reader.damage, TraceTruncatedError);
  t.same((reader.damage as TraceTruncatedError).usable, { steps: 1000, guestSteps: 1000 });
  t.same(reader.totals, { steps: 1000, guestSteps: 1000 });
});

t.test('a sink that fails is heard of, and gets nothing more', async (t) => {
  for (const fails of [
    async () => Promise.reject(new Error('no room')),
    () => {
      throw new Error('no room');
    },
  ]) {
    let calls = 0;
    const writer = new TraceWriter(() => (++calls === 3 ? fails() : undefined), HEADER, WORDS);
    writer.step(WORDS);
    await t.rejects(writer.flush(), { message: 'no room' });
    writer.step(WORDS);
    await t.rejects(writer.end(''), { message: 'no room' });
    t.equal(calls, 3);
  }
  let calls = 0;
  const failsLate = async (): Promise<void> => {
    calls++;
    await setImmediate();
    throw new Error('no room');
  };
  const queued = new TraceWriter(failsLate, HEADER, WORDS);
  await t.rejects(queued.flush(), { message: 'no room' });
  t.equal(calls, 1, 'what waited behind the failed piece is not given');
  const late = new TraceWriter(async () => Promise.reject(new Error('no room')), HEADER, WORDS);
  await setImmediate();
  t.throws(() => writeMuch(late), { message: 'no room' }, 'without a flush, with the next chunk');
});

t.test('what cannot be written is refused', async (t) => {
  const bad = { ...HEADER, capturedAt: 'yesterday' };
  t.throws(() => new TraceWriter(ignore, bad, WORDS), TraceHeaderError);
  const writer = new TraceWriter(ignore, HEADER, WORDS);
  for (const iterations of [0, -1, 1.5, 2 ** 53, Number.NaN])
    t.throws(() => writer.repeat(WORDS, iterations), RangeError);
  const bytes = Uint8Array.of(1, 2);
  for (const address of [-1, 0.5, 2 ** 52 - 1, Number.NaN]) {
    t.throws(() => writer.memory([{ address, bytes }], 'read'), RangeError);
    t.throws(() => writer.digest([{ address, sizeBytes: 2, crc32: 0 }]), RangeError);
  }
  t.throws(() => writer.digest([{ address: 0, sizeBytes: 0, crc32: 0 }]), RangeError);
  t.throws(() => writer.step(new Int32Array(STATE_WORDS - 1)), RangeError);
  await writer.end('');
});

t.test('after the end nothing can be written', async (t) => {
  const writer = new TraceWriter(ignore, HEADER, WORDS);
  await writer.end('done');
  for (const write of [
    () => writer.step(WORDS),
    () => writer.input(WORDS),
    () => writer.repeat(WORDS, 1),
    () => writer.excursion(WORDS),
    () => writer.memory([], 'read'),
    () => writer.digest([]),
  ])
    t.throws(write, TraceWriterStateError);
  await t.rejects(writer.flush(), TraceWriterStateError);
  await t.rejects(writer.end(''), TraceWriterStateError);
});

t.test('a very long reason is cut, between its letters', async (t) => {
  const pieces: Uint8Array[] = [];
  const writer = new TraceWriter((bytes) => void pieces.push(bytes), HEADER, WORDS);
  await writer.end(`a${'ü'.repeat(5000)}`);
  const { ending } = new TraceReader(Buffer.concat(pieces));
  t.equal(ending?.why, `a${'ü'.repeat(2047)}`);
});
