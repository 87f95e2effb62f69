import { deflateSync } from 'node:zlib';
import t from 'tap';
import { STATE_WORDS } from '../x86/state/state-layout.ts';
import { DEFLATED_FLAG, LIMITS, OPTIONAL_FLAG, RECORDS_CHUNK } from './file-layout.ts';
import { MEMORY } from './record.ts';
import {
  endOf,
  PREAMBLE,
  rawRecords,
  readThrough,
  recordsChunk,
  smallTrace,
  varint,
} from './testdata/damaged-trace.ts';
import { chunkOf, IMAGE, partsOf, seeded, traceOf } from './testdata/trace-builder.ts';
import { TraceMalformedError } from './trace-errors.ts';
import { TraceReader } from './trace-reader.ts';

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
  const tooMany = new Array<number>(65_537 * 3).fill(1);
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
    ['list of too many', [0x83, ...varint(65_537), ...tooMany], /a list of 65537 entries/],
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

t.test('noise with right checksums is read, or refused by name', (t) => {
  const random = seeded(11);
  const outcomes = new Set<string>();
  for (let round = 0; round < 3000; round++) {
    const mask = round % 2 === 0 ? 0xff : 0x7f;
    const records = Array.from({ length: random() % 300 }, () => random() & mask);
    const { error } = readThrough(Buffer.concat([PREAMBLE, recordsChunk(records)]));
    outcomes.add(error?.name ?? 'none');
  }
  t.same([...outcomes].sort(), ['TraceMalformedError', 'TraceTruncatedError'], 'no end chunk: never whole');
  t.end();
});
