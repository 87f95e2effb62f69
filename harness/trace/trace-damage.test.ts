import t from 'tap';
import { OPTIONAL_FLAG, RECORDS_CHUNK } from './file-layout.ts';
import { HEADER_JSON, PREAMBLE, readThrough, recordsChunk, smallTrace } from './testdata/damaged-trace.ts';
import { chunkOf, IMAGE, partsOf, preambleOf } from './testdata/trace-builder.ts';
import { TraceChecksumError, TraceTruncatedError } from './trace-errors.ts';
import { TraceReader } from './trace-reader.ts';

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
