/** Files that are no good trace, for tests: with right checksums unless a test spoils them. */
import { STATE_WORDS } from '../../x86/state/state-layout.ts';
import { crcOf, RECORDS_CHUNK, type ChunkHeader } from '../file-layout.ts';
import { END, isStepKind } from '../record.ts';
import { TraceError } from '../trace-errors.ts';
import { encodeTraceHeader } from '../trace-header.ts';
import { TraceReader } from '../trace-reader.ts';
import { changeState, chunkOf, HEADER, IMAGE, preambleOf, seeded, traceOf } from './trace-builder.ts';

export const HEADER_JSON = Buffer.from(encodeTraceHeader(HEADER)).toString();
export const PREAMBLE = preambleOf(HEADER_JSON);

/** Image, three chunks of records with all kinds of them, and the end. */
export function smallTrace(): Promise<Uint8Array> {
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
export function readThrough(file: Uint8Array): {
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
/** A chunk of these records with a zero state before them. @param steps that it says it holds */
export function recordsChunk(
  records: readonly number[],
  said: Partial<ChunkHeader> = {},
  steps = 1,
): Uint8Array {
  return chunkOf(RECORDS_CHUNK, rawRecords(records, steps), said);
}

export function rawRecords(records: readonly number[], steps: number, stepsBefore = 0): Buffer {
  const raw = Buffer.alloc(32 + 4 * STATE_WORDS + records.length);
  [stepsBefore, stepsBefore, steps, steps].forEach((count, index) =>
    raw.writeBigUInt64LE(BigInt(count), 8 * index),
  );
  raw.set(records, 32 + 4 * STATE_WORDS);
  return raw;
}

export function endOf(before: Uint8Array): Uint8Array {
  const raw = Buffer.alloc(20);
  raw.writeUInt32LE(crcOf(before), 16);
  return raw;
}

export function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}
