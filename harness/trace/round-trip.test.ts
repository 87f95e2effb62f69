import { inflateSync } from 'node:zlib';
import t from 'tap';
import { RFLAGS, RIP, segmentWord, STATE_WORDS } from '../x86/state/state-layout.ts';
import { CHUNK_HEADER_BYTES, DEFLATED_FLAG, RECORDS_CHUNK } from './file-layout.ts';
import { DIGEST, END, EXCURSION, INPUT, MEMORY, REPEAT, STEP, type RecordKind } from './record.ts';
import { changeState, HEADER, IMAGE, partsOf, seeded, traceOf } from './testdata/trace-builder.ts';
import { TraceReader } from './trace-reader.ts';
import type { TraceWriter } from './trace-writer.ts';

interface Written {
  readonly kind: RecordKind;
  readonly words: Int32Array;
  readonly iterations: number;
  readonly systemChanged: boolean;
}

/** One step of a kind that the dice choose, written and noted down. */
function writeStep(writer: TraceWriter, words: Int32Array, random: () => number): Written {
  const before = Int32Array.from(words);
  changeState(words, random);
  const systemChanged = words.some((word, index) => index >= 36 && word !== before[index]);
  const noted = { words: Int32Array.from(words), iterations: 1, systemChanged };
  const dice = random() % 32;
  if (dice === 0) {
    writer.input(words);
    return { kind: INPUT, ...noted };
  }
  if (dice === 1) {
    const iterations = 1 + (random() % 2 === 0 ? random() % 200 : random() * 0x1000);
    writer.repeat(words, iterations);
    return { kind: REPEAT, ...noted, iterations };
  }
  if (dice === 2) {
    writer.excursion(words);
    return { kind: EXCURSION, ...noted };
  }
  writer.step(words);
  return { kind: STEP, ...noted };
}

t.test('random states come back as they were written', async (t) => {
  for (const seed of [1, 2, 3, 4]) {
    const random = seeded(seed);
    const initial = Int32Array.from({ length: STATE_WORDS }, random);
    const written: Written[] = [];
    const file = await traceOf(
      (writer) => {
        const words = Int32Array.from(initial);
        for (let step = 0; step < 60_000; step++) written.push(writeStep(writer, words, random));
      },
      { initial },
    );
    const reader = new TraceReader(file);
    t.equal(reader.damage, undefined, `seed ${seed}`);
    t.ok(partsOf(file).length > 3, 'several chunks');
    const cursor = reader.cursor();
    t.same(cursor.words, initial);
    const wrong = written.findIndex((expected) => {
      const kind = cursor.next();
      return (
        kind !== expected.kind ||
        (kind === REPEAT && cursor.iterations !== expected.iterations) ||
        cursor.systemChanged !== expected.systemChanged ||
        Buffer.compare(Buffer.from(cursor.words.buffer), Buffer.from(expected.words.buffer)) !== 0
      );
    });
    t.equal(wrong, -1, 'the first step that is another');
    t.equal(cursor.next(), END);
    t.equal(cursor.next(), END, 'again and again');
    t.equal(cursor.step, written.length);
    const guestSteps = written.reduce((sum, { iterations }) => sum + iterations, 0);
    t.equal(cursor.guestStep, guestSteps);
    t.same(reader.ending, { steps: written.length, guestSteps, why: '__start_xen reached' });
  }
});

t.test('every word of the state, each way it can change', async (t) => {
  const values = [0, 1, -1, 127, 128, -128, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000, 0x7fff_ffff, -0x8000_0000];
  const states: Int32Array[] = [];
  const file = await traceOf((writer) => {
    const words = new Int32Array(STATE_WORDS);
    for (let word = 0; word < STATE_WORDS; word++)
      for (const value of values) {
        words[word] = value;
        writer.step(words);
        states.push(Int32Array.from(words));
      }
  });
  const cursor = new TraceReader(file).cursor();
  for (const state of states) {
    cursor.next();
    if (Buffer.compare(Buffer.from(cursor.words.buffer), Buffer.from(state.buffer)) !== 0)
      t.same(cursor.words, state, `step ${cursor.step}`);
  }
  t.equal(cursor.next(), END);
});

t.test('one step can change everything', async (t) => {
  const words = Int32Array.from({ length: STATE_WORDS }, (_, word) => 0x7000_0001 + word);
  const file = await traceOf((writer) => writer.step(words));
  const cursor = new TraceReader(file).cursor();
  t.equal(cursor.next(), STEP);
  t.same(cursor.words, words);
});

t.test(
  'general registers, RIP and RFLAGS are no system change; RIP’s high half is none either',
  async (t) => {
    const words = new Int32Array(STATE_WORDS);
    const file = await traceOf((writer) => {
      words.fill(5, 0, 32);
      words[RIP] = 0x1234;
      words[RIP + 1] = -1;
      words[RFLAGS] = 2;
      writer.step(words);
      words[segmentWord(1)] = 8;
      writer.step(words);
      writer.step(words);
    });
    const cursor = new TraceReader(file).cursor();
    const seen = [1, 2, 3].map(() => {
      cursor.next();
      return cursor.systemChanged;
    });
    t.same(seen, [false, true, false]);
  },
);

t.test('memory and digests, in their places, with large runs cut', async (t) => {
  const words = new Int32Array(STATE_WORDS);
  const large = Uint8Array.from({ length: 700_000 }, seeded(9));
  const digests = Array.from({ length: 700 }, (_, index) => ({
    address: index * 0x1000,
    sizeBytes: 0x1000,
    crc32: 0xffff_ffff - index,
  }));
  const file = await traceOf((writer) => {
    writer.memory([{ address: 0x1000, bytes: Uint8Array.of(1, 2, 3) }], 'read');
    writer.memory([], 'read');
    writer.step(words);
    writer.excursion(words, [
      { address: 2 ** 52 - 2, bytes: Uint8Array.of(4, 5) },
      { address: 7, bytes: new Uint8Array() },
      { address: 0x10_0000, bytes: large },
    ]);
    writer.digest(digests);
  });
  const reader = new TraceReader(file);
  const cursor = reader.cursor();
  t.equal(cursor.next(), MEMORY);
  t.equal(cursor.memoryCause, 'read');
  t.same(cursor.memory, [{ address: 0x1000, bytes: Uint8Array.of(1, 2, 3) }]);
  const first = cursor.memory[0]!.bytes;
  t.equal(cursor.next(), STEP);
  t.equal(cursor.next(), EXCURSION);
  t.equal(cursor.step, 2);
  const runs = [];
  let kind = cursor.next();
  for (; kind === MEMORY; kind = cursor.next()) {
    t.equal(cursor.memoryCause, 'written');
    runs.push(...cursor.memory);
  }
  t.same(runs[0], { address: 2 ** 52 - 2, bytes: Uint8Array.of(4, 5) });
  t.same(
    runs.slice(1).map(({ address }) => address),
    [0, 1, 2, 3, 4, 5].map((piece) => 0x10_0000 + piece * 0x2_0000),
  );
  t.ok(Buffer.concat(runs.slice(1).map(({ bytes }) => bytes)).equals(large));
  const found = [];
  for (; kind === DIGEST; kind = cursor.next()) found.push(...cursor.digests);
  t.same(found, digests);
  t.equal(kind, END);
  t.equal(cursor.step, 2, 'memory and digests are no steps');
  t.same(first, Uint8Array.of(1, 2, 3), 'what an earlier record held is not overwritten');
});

t.test('the image, the header and an empty trace', async (t) => {
  const initial = Int32Array.from({ length: STATE_WORDS }, seeded(5));
  const reader = new TraceReader(await traceOf(() => undefined, { initial, image: IMAGE }));
  t.same(reader.header, HEADER);
  t.equal(reader.version, '1.0');
  t.same(reader.image(), IMAGE);
  t.same(reader.totals, { steps: 0, guestSteps: 0 });
  const cursor = reader.cursor();
  t.same(cursor.words, initial);
  t.equal(cursor.next(), END);
  t.equal(new TraceReader(await traceOf(() => undefined)).image(), undefined);
});

t.test('a flush ends a chunk; each begins with the state and the counts before it', async (t) => {
  const words = new Int32Array(STATE_WORDS);
  const file = await traceOf(async (writer) => {
    await writer.flush();
    await writer.flush();
    words[0] = 0x55;
    writer.step(words);
    await writer.flush();
    writer.repeat(words, 10);
    t.same(writer.totals, { steps: 2, guestSteps: 11 });
  });
  const records = partsOf(file).filter(({ header }) => header.type === RECORDS_CHUNK);
  t.equal(records.length, 3, 'the initial state alone; a step; a repeat');
  const prologues = records.map(({ start, end, header }) => {
    const stored = file.subarray(start + CHUNK_HEADER_BYTES, end);
    const raw = (header.flags & DEFLATED_FLAG) !== 0 ? inflateSync(stored) : Buffer.from(stored);
    return [0, 8, 16, 24].map((at) => Number(raw.readBigUInt64LE(at))).concat(raw.readInt32LE(32));
  });
  t.same(prologues, [
    [0, 0, 0, 0, 0],
    [0, 0, 1, 1, 0],
    [1, 1, 1, 10, 0x55],
  ]);
  t.same(new TraceReader(file).totals, { steps: 2, guestSteps: 11 });
});

t.test('two cursors of one reader do not disturb each other', async (t) => {
  const words = new Int32Array(STATE_WORDS);
  const file = await traceOf((writer) => {
    for (let step = 1; step <= 3; step++) {
      words[0] = step;
      writer.step(words);
    }
  });
  const reader = new TraceReader(file);
  const [a, b] = [reader.cursor(), reader.cursor()];
  a.next();
  a.next();
  b.next();
  t.same([a.words[0], b.words[0]], [2, 1]);
});
