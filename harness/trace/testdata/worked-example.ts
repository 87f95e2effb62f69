/** The trace that docs/trace-format.md explains byte by byte: its chunks are not deflated, so that they can be read there. */
import { inflateSync } from 'node:zlib';
import { segmentWord, STATE_WORDS, writeField } from '../../x86/state/state-layout.ts';
import { crcOf, DEFLATED_FLAG, END_CHUNK, RECORDS_CHUNK } from '../file-layout.ts';
import { encodeEnding } from '../trace-ending.ts';
import { encodeTraceHeader, type TraceHeader } from '../trace-header.ts';
import { TraceWriter } from '../trace-writer.ts';
import { chunkOf, HEADER, partsOf, preambleOf } from './trace-builder.ts';

const EXAMPLE_HEADER: TraceHeader = {
  ...HEADER,
  subject: { ...HEADER.subject, imageSizeBytes: 0x1000 },
};

/** Register by register: what each step changes. */
const STEPS: readonly Readonly<Record<string, bigint>>[] = [
  { rip: 0x3e00025n, rax: 0x1234n },
  { rip: 0x3e00027n, rax: 0xdn, rcx: 0x6c65_746en },
  { rip: 0x3e00020n, rcx: 0x6c65_746dn, rflags: 0x6n },
  { rip: 0x3e00022n, rcx: 0n, rdi: 0x4e01000n },
  { rip: 0x3e00025n, cr0: 0x8000_0011n },
  { rip: 0x3e0002an, rax: 0xffff_ffff_8000_0000n },
];

function initialState(): Int32Array {
  const words = new Int32Array(STATE_WORDS);
  writeField(words, 'rip', 0x3e00020n);
  writeField(words, 'rdi', 0x4e00000n);
  writeField(words, 'rflags', 2n);
  words[segmentWord(1)] = 0x10;
  writeField(words, 'cs.limit', 0xffff_ffffn);
  writeField(words, 'cs.attributes', 0xcf9a00n);
  writeField(words, 'cr0', 0x11n);
  writeField(words, 'a20', 1n);
  return words;
}

/** What a writer makes of it, records as they are before they are deflated. */
export async function workedExample(): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const words = initialState();
  const writer = new TraceWriter((bytes) => void pieces.push(bytes), EXAMPLE_HEADER, words);
  const after = (step: number): Int32Array => {
    for (const [name, value] of Object.entries(STEPS[step]!)) writeField(words, name, value);
    return words;
  };
  writer.memory([{ address: 0x80000, bytes: Uint8Array.of(0xaa, 0x55) }], 'read');
  writer.step(after(0));
  writer.input(after(1));
  writer.step(after(2));
  writer.repeat(after(3), 1024);
  writer.step(after(4));
  writer.excursion(after(5), [{ address: 0x80000, bytes: Uint8Array.of(0xbb) }]);
  writer.digest([{ address: 0x4e00000, sizeBytes: 0x1000, crc32: 0xc71c_0011 }]);
  const why = '__start_xen reached';
  const totals = await writer.end(why);
  const json = Buffer.from(encodeTraceHeader(EXAMPLE_HEADER)).toString();
  const before = Buffer.concat([preambleOf(json), chunkOf(RECORDS_CHUNK, recordsIn(Buffer.concat(pieces)))]);
  const end = chunkOf(END_CHUNK, encodeEnding({ ...totals, why }, crcOf(before)), { index: 1 });
  return Buffer.concat([before, end]);
}

function recordsIn(file: Uint8Array): Uint8Array {
  const { header, start, end } = partsOf(file).find((part) => part.header.type === RECORDS_CHUNK)!;
  const stored = file.subarray(start + 24, end);
  return (header.flags & DEFLATED_FLAG) !== 0 ? inflateSync(stored) : stored;
}
