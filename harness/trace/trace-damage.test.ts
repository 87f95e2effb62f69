import { deflateSync } from 'node:zlib';
import t from 'tap';
import { STATE_WORDS } from '../x86/state/state-layout.ts';
import {
  crcOf,
  DEFLATED_FLAG,
  LIMITS,
  OPTIONAL_FLAG,
  RECORDS_CHUNK,
  type ChunkHeader,
} from './file-layout.ts';
import { END, isStepKind, MEMORY } from './record.ts';
import {
  changeState,
  chunkOf,
  HEADER,
  IMAGE,
  partsOf,
  preambleOf,
  seeded,
  traceOf,
} from './testdata/trace-builder.ts';
import { TraceChecksumError, TraceError, TraceMalformedError, TraceTruncatedError } from './trace-errors.ts';
import { encodeTraceHeader } from './trace-header.ts';
import { TraceReader } from './trace-reader.ts';

const HEADER_JSON = Buffer.from(encodeTraceHeader(HEADER)).toString();
const PREAMBLE = preambleOf(HEADER_JSON);

/** Image, three chunks of records with all kinds of them, and the end. */
function smallTrace(): Promise<Uint8Array> {
  const random = seeded(3);
  const words = new Int32Array(STATE_WORDS);
  const step = (): Int32Array => {
    changeState(words, random);
    return words;
  };
  return traceOf(
    async (writer) => {
      writer.memory([{ address: 0x1000, bytes: Uint8Array.of(1, 2, 3) }], 'read');
      for (let count = 0; count < 5; count++) writer.step(step());
      await writer.flush();
      writer.input(step());
      writer.excursion(step(), [{ address: 0x2000, bytes: Uint8Array.of(4) }]);
      await writer.flush();
      writer.repeat(step(), 1000);
      writer.digest([{ address: 0x3000, sizeBytes: 16, crc32: 0x1234_5678 }]);
    },
    { image: IMAGE },
  );
}

/** Reads all there is. @returns the steps read, and why there were no more */
function readThrough(file: Uint8Array): {
  steps: number;
  image?: Uint8Array | undefined;
  error: TraceError | undefined;
} {
  let steps = 0;
  try {
    const reader = new TraceReader(file);
    const cursor = reader.cursor();
    for (let kind = cursor.next(); kind !== END; kind = cursor.next()) if (isStepKind(kind)) steps++;
    return { steps, image: reader.image(), error: undefined };
  } catch (error) {
    if (error instanceof TraceError) return { steps, error };
    throw error;
  }
}

t.test('cut at every byte: whole chunks are read, then the cut is told', async (t) => {
  const file = await smallTrace();
  t.same(readThrough(file), { steps: 8, image: IMAGE, error: undefined });
  const records = partsOf(file).filter(({ header }) => header.type === RECORDS_CHUNK);
  const stepsIn = [5, 2, 1];
  t.equal(records.length, stepsIn.length);
  for (let size = 1; size < file.length; size++) {
    const { steps, error } = readThrough(file.subarray(0, size));
    const whole = records.reduce((sum, { end }, index) => sum + (end <= size ? stepsIn[index]! : 0), 0);
    const isRight =
      error instanceof TraceTruncatedError &&
      error.position === size &&
      error.usable.steps === whole &&
      steps === whole;
    if (!isRight) t.fail(`${size} bytes: ${steps} steps of ${whole}`, { error });
  }
  t.match(readThrough(new Uint8Array()).error, { name: 'NotATraceError', message: /empty/ });
  t.match(readThrough(file.subarray(0, file.length - 1)).error, {
    message: /^trace, byte 0x[0-9a-f]+: cut short: in chunk 4; 8 steps before it are whole; capture it again/,
  });
});

t.test('every bit flipped: none goes unnoticed, and none is taken for anything but damage', async (t) => {
  const file = Uint8Array.from(await smallTrace());
  const names = new Map<string, number>();
  for (let bit = 0; bit < 8 * file.length; bit++) {
    file[bit >> 3]! ^= 1 << (bit & 7);
    const { error } = readThrough(file);
    const name = error?.name ?? 'unnoticed';
    names.set(name, (names.get(name) ?? 0) + 1);
    file[bit >> 3]! ^= 1 << (bit & 7);
  }
  t.same(
    [...names],
    [
      ['NotATraceError', 64],
      ['TraceChecksumError', 8 * file.length - 64],
    ],
  );
});

t.test('chunks left out, doubled, exchanged, and bytes behind the end', async (t) => {
  const file = await smallTrace();
  const parts = partsOf(file);
  const bytesOf = (index: number): Uint8Array => file.subarray(parts[index]!.start, parts[index]!.end);
  const begin = file.subarray(0, parts[0]!.start);
  const made = (...order: number[]): Uint8Array => Buffer.concat([begin, ...order.map(bytesOf)]);
  t.equal(readThrough(made(0, 1, 2, 3, 4)).error, undefined);
  for (const order of [
    [0, 1, 3, 4],
    [0, 1, 1, 2, 3, 4],
    [0, 2, 1, 3, 4],
    [1, 2, 3, 4],
  ])
    t.match(readThrough(made(...order)).error, { name: 'TraceMalformedError', message: /numbered/ });
  const behind = readThrough(Buffer.concat([file, Uint8Array.of(0)]));
  t.match(behind, { steps: 8, error: { name: 'TraceMalformedError', message: /1 bytes stand behind/ } });
  const renumbered = Uint8Array.from(made(1, 2, 3, 4));
  partsOf(renumbered).forEach(({ header, start, end }, index) => {
    const stored = renumbered.slice(start + 24, end);
    renumbered.set(chunkOf(header.type, stored, { ...header, index }), start);
  });
  t.match(readThrough(renumbered), {
    steps: 8,
    error: { name: 'TraceChecksumError', part: 'the whole file' },
  });
});

t.test('damage in a later chunk leaves the steps before it', async (t) => {
  const file = Uint8Array.from(await smallTrace());
  const second = partsOf(file)[2]!;
  file[second.end - 1]! ^= 0x10;
  const { steps, error } = readThrough(file);
  t.equal(steps, 5);
  t.type(error, TraceChecksumError);
  t.match(error, { part: 'chunk 2', position: second.start, message: /fetch or capture it again/ });
  t.same(new TraceReader(file).totals, { steps: 5, guestSteps: 5 });
});

t.test('preambles: no trace, other versions, a header too large, no header', async (t) => {
  const cases: readonly (readonly [file: Uint8Array, expected: object])[] = [
    [Buffer.from('\x7fELF and so on'), { name: 'NotATraceError', message: /loadbase capture/ }],
    [
      preambleOf(HEADER_JSON, (view) => view.setUint16(8, 2, true)),
      { name: 'TraceVersionError', version: '2.0', message: /use a loadbase that reads trace version 2\.0/ },
    ],
    [
      preambleOf(HEADER_JSON, (view) => view.setUint16(8, 0, true)),
      { name: 'TraceVersionError', message: /older/ },
    ],
    [
      preambleOf(HEADER_JSON, (view) => view.setUint32(12, 0x10_0001, true)),
      { name: 'TraceSizeError', sizeBytes: 0x10_0001, limitBytes: 0x10_0000 },
    ],
    [
      preambleOf(HEADER_JSON, (view) => view.setUint32(16, 0, true)),
      { name: 'TraceChecksumError', part: 'the header' },
    ],
    [preambleOf('[]'), { name: 'TraceHeaderError' }],
    [preambleOf('{'), { name: 'TraceHeaderError', message: /no JSON/ }],
  ];
  for (const [file, expected] of cases) t.match(readThrough(file), { steps: 0, error: expected });
});

t.test('a later minor version is read: its optional chunks are skipped, others are not', async (t) => {
  const file = await smallTrace();
  const start = partsOf(file)[0]!.start;
  const later = preambleOf(HEADER_JSON, (view) => view.setUint16(10, 7, true));
  const chunks = [chunkOf(77, IMAGE, { flags: OPTIONAL_FLAG }), recordsChunk([0x01], { index: 1 })];
  t.match(readThrough(Buffer.concat([later, ...chunks])), {
    steps: 1,
    error: { name: 'TraceTruncatedError' },
  });
  t.equal(readThrough(Buffer.concat([PREAMBLE, file.subarray(start)])).error, undefined);
  const unknown = [
    chunkOf(77, IMAGE),
    chunkOf(0, IMAGE),
    chunkOf(77, IMAGE, { flags: OPTIONAL_FLAG | 4 }),
    chunkOf(RECORDS_CHUNK, IMAGE, { reserved: 1 }),
  ];
  for (const chunk of unknown)
    t.match(readThrough(Buffer.concat([later, chunk])).error, {
      name: 'TraceVersionError',
      message: /use a loadbase that reads trace version 1\.7/,
    });
});

t.test('sizes that no capture has are refused before memory is taken for them', async (t) => {
  const bomb = deflateSync(new Uint8Array(LIMITS.chunkRawBytes + 1));
  const cases: readonly (readonly [chunk: Uint8Array, expected: object])[] = [
    [chunkOf(1, bomb, { flags: DEFLATED_FLAG, rawBytes: 0xffff_ffff }), { name: 'TraceSizeError' }],
    [chunkOf(1, IMAGE, { storedBytes: 0xffff_ffff, rawBytes: 0xffff_ffff }), { name: 'TraceSizeError' }],
    [
      chunkOf(1, bomb, { flags: DEFLATED_FLAG, rawBytes: LIMITS.chunkRawBytes }),
      { message: /does not inflate to/ },
    ],
    [chunkOf(1, bomb, { flags: DEFLATED_FLAG, rawBytes: 0 }), { message: /does not inflate to 0/ }],
    [
      chunkOf(1, deflateSync(IMAGE), { flags: DEFLATED_FLAG, rawBytes: 5 }),
      { message: /4 bytes instead of 5/ },
    ],
    [chunkOf(1, IMAGE, { flags: DEFLATED_FLAG }), { message: /does not inflate/ }],
    [chunkOf(1, IMAGE, { rawBytes: 5 }), { message: /in another size/ }],
    [chunkOf(1, IMAGE), { message: /too short for records/ }],
  ];
  for (const [chunk, expected] of cases)
    t.match(readThrough(Buffer.concat([PREAMBLE, chunk])), { steps: 0, error: expected });
});

t.test('more than 512 MiB of memory, in a file of half a megabyte', async (t) => {
  const runBytes = 4_000_000;
  const stored = deflateSync(rawRecords([0x83, 1, 0, ...varint(runBytes), ...new Uint8Array(runBytes)], 0));
  const size = rawRecords([0x83, 1, 0, ...varint(runBytes)], 0).length + runBytes;
  const chunks = Array.from({ length: 135 }, (_, index) =>
    chunkOf(RECORDS_CHUNK, stored, { index, flags: DEFLATED_FLAG, rawBytes: size }),
  );
  const cursor = new TraceReader(Buffer.concat([PREAMBLE, ...chunks])).cursor();
  let records = 0;
  t.throws(
    () => {
      for (let kind = cursor.next(); kind === MEMORY; kind = cursor.next()) records++;
    },
    { name: 'TraceSizeError', limitBytes: 512 * 1024 * 1024 },
  );
  t.equal(records, 134);
  const images = Array.from({ length: 129 }, (_, index) =>
    chunkOf(2, stored, { index, flags: DEFLATED_FLAG, rawBytes: LIMITS.chunkRawBytes }),
  );
  const reader = new TraceReader(Buffer.concat([PREAMBLE, ...images]));
  t.match(reader.damage, { name: 'TraceSizeError', message: /the image/ });
  t.throws(() => reader.image(), { name: 'TraceSizeError' });
});

t.test('records that no writer writes: chunk and offset are told', async (t) => {
  const cases: readonly (readonly [what: string, records: readonly number[], told: RegExp])[] = [
    ['unknown kind', [0x86], /no record that begins with 134/],
    ['word below', [0x41, 32, 0, 0, 0, 0], /word 32 of the state is none of 33 to 89/],
    ['word beyond', [0x41, 90, 0, 0, 0, 0], /word 90 of the state/],
    ['word far beyond', [0x41, 0x7f, 0, 0, 0, 0], /word 127 of the state/],
    ['no RIP', [0x00], /reaches beyond/],
    ['cut varint', [0x00, 0x80], /reaches beyond/],
    ['wide varint', [0x00, 0xff, 0xff, 0xff, 0xff, 0x10], /more than 32 bits/],
    ['endless varint', [0x00, ...new Array<number>(9).fill(0x80), 0], /more than 32 bits/],
    ['cut general', [0x11], /reaches beyond/],
    ['cut general word', [0x11, 0x40, 1, 2, 3], /reaches beyond/],
    ['cut general list', [0x11, 0x60 | 0x80], /reaches beyond/],
    ['cut flags', [0x21], /reaches beyond/],
    ['cut others', [0x41], /reaches beyond/],
    ['cut other word', [0x41, 36, 1, 2, 3], /reaches beyond/],
    ['cut other list', [0x41, 36 | 0x80, 1, 2, 3, 4], /reaches beyond/],
    ['prefix alone', [0x80], /no step follows/],
    ['two prefixes', [0x80, 0x82, 0x01], /no step follows/],
    ['repeat of none', [0x81, 0, 0x01], /no iterations/],
    ['repeat of too many', [0x81, ...new Array<number>(8).fill(0xff), 0x01], /more than 53 bits/],
    ['repeat cut', [0x81, 0xff], /a number reaches beyond/],
    ['empty list', [0x83, 0], /a list of 0 entries/],
    ['absurd list', [0x83, ...varint(2 ** 53 - 1)], /a list of 9007199254740991 entries in 0 bytes/],
    ['list longer than its bytes', [0x83, 2, 0, 1, 5], /a list of 2 entries in 3 bytes/],
    ['empty run', [0x83, 1, 0, 0, 5], /no memory: 0 bytes/],
    ['run beyond', [0x83, 1, 0, 9, 5], /9 bytes of 1/],
    [
      'run past physical memory',
      [0x83, 1, ...varint(2 ** 52), 1, 5],
      /no memory: 1 bytes at 4503599627370496/,
    ],
    ['absurd run', [0x84, 1, 0, ...varint(2 ** 53 - 1), 5], /no memory/],
    ['empty digests', [0x85, 0], /a list of 0/],
    ['cut digest', [0x85, 1, 0x80, 1, 1, 1, 2, 3], /4 bytes of 3/],
    ['digest of nothing', [0x85, 1, 0, 0, 1, 2, 3, 4], /no memory/],
  ];
  for (const [what, records, told] of cases) {
    const { error } = readThrough(Buffer.concat([PREAMBLE, recordsChunk(records, {}, 1)]));
    t.type(error, TraceMalformedError, what);
    t.match(error, { chunk: 0, position: PREAMBLE.length, message: told }, what);
    t.match(error?.message, /chunk 0, offset 0x[0-9a-f]+: .*; its writer is at fault/, what);
  }
});

t.test('chunks and ends that contradict what they hold', async (t) => {
  const ok = recordsChunk([0x01]);
  const wrongState = rawRecords([0x01], 1, 1);
  wrongState.writeInt32LE(7, 32);
  const after = (raw: Uint8Array): Uint8Array =>
    Buffer.concat([ok, chunkOf(RECORDS_CHUNK, raw, { index: 1 })]);
  const end = (steps: number, guestSteps: number, flags = 0, extra = 0): Uint8Array => {
    const raw = Buffer.alloc(20 + extra);
    raw.writeBigUInt64LE(BigInt(steps), 0);
    raw.writeBigUInt64LE(BigInt(guestSteps), 8);
    return Buffer.concat([ok, chunkOf(3, raw, { index: 1, flags })]);
  };
  const cases: readonly (readonly [chunks: Uint8Array, told: RegExp])[] = [
    [recordsChunk([0x01], {}, 2), /says 2 steps \(2 of the guest\) and holds 1 \(1\)/],
    [recordsChunk([0x81, 5, 0x01], {}, 1), /says 1 steps \(1 of the guest\) and holds 1 \(5\)/],
    [after(rawRecords([0x01], 1, 5)), /first step is not the one after/],
    [after(wrongState), /word 0 of the state is another/],
    [after(rawRecords([], 2 ** 60)), /counts beyond/],
    [end(1, 1), /checksum of the whole file/],
    [end(1, 1, OPTIONAL_FLAG), /deflated, or optional/],
    [end(1, 1, 0, 5000), /an end of 5020 bytes/],
    [chunkOf(3, new Uint8Array(3)), /an end of 3 bytes/],
  ];
  for (const [chunks, told] of cases)
    t.match(readThrough(Buffer.concat([PREAMBLE, chunks])).error, { message: told });
  const whole = await traceOf((writer) => writer.step(new Int32Array(STATE_WORDS)));
  const last = partsOf(whole).at(-1)!;
  for (const at of [0, 8]) {
    const raw = Buffer.from(whole.subarray(last.start + 24));
    raw[at]! += 1;
    const file = Buffer.concat([
      whole.subarray(0, last.start),
      chunkOf(3, raw, { index: last.header.index }),
    ]);
    t.match(readThrough(file).error, { name: 'TraceMalformedError', message: /its totals are/ });
  }
});

t.test('a whole file without a state, and images of another size', async (t) => {
  const file = await smallTrace();
  const parts = partsOf(file);
  const empty = Buffer.concat([file.subarray(0, parts[0]!.start)]);
  t.match(readThrough(Buffer.concat([empty, chunkOf(3, endOf(empty))])).error, {
    name: 'TraceMalformedError',
    message: /no initial state/,
  });
  const reader = new TraceReader(await traceOf(() => undefined, { image: new Uint8Array(5) }));
  t.throws(() => reader.image(), { name: 'TraceMalformedError', message: /5 bytes, 4 according to/ });
  const cut = await traceOf(() => undefined, { image: new Uint8Array(3) });
  t.throws(() => new TraceReader(cut.subarray(0, cut.length - 1)).image(), { name: 'TraceTruncatedError' });
});

t.test('thousands of chunks with nothing in them are only that', async (t) => {
  const chunk = (index: number): Uint8Array => recordsChunk([], { index }, 0);
  const file = Buffer.concat([PREAMBLE, ...Array.from({ length: 20_000 }, (_, index) => chunk(index))]);
  t.match(readThrough(file), { steps: 0, error: { name: 'TraceTruncatedError' } });
});

/** A chunk of these records with a zero state before them. @param steps that it says it holds */
function recordsChunk(records: readonly number[], said: Partial<ChunkHeader> = {}, steps = 1): Uint8Array {
  return chunkOf(RECORDS_CHUNK, rawRecords(records, steps), said);
}

function rawRecords(records: readonly number[], steps: number, stepsBefore = 0): Buffer {
  const raw = Buffer.alloc(32 + 4 * STATE_WORDS + records.length);
  [stepsBefore, stepsBefore, steps, steps].forEach((count, index) =>
    raw.writeBigUInt64LE(BigInt(count), 8 * index),
  );
  raw.set(records, 32 + 4 * STATE_WORDS);
  return raw;
}

function endOf(before: Uint8Array): Uint8Array {
  const raw = Buffer.alloc(20);
  raw.writeUInt32LE(crcOf(before), 16);
  return raw;
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}
