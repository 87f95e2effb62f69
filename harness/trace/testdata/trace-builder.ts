/** Traces made in memory, for tests: header, random states from a seed, and files with parts of one's own. */
import { RFLAGS, RIP, STATE_WORDS } from '../../x86/state/state-layout.ts';
import { TraceWriter, type TraceWriterOptions } from '../trace-writer.ts';
import type { TraceHeader } from '../trace-header.ts';
import {
  CHUNK_HEADER_BYTES,
  crcOf,
  encodeChunkHeader,
  encodePreamble,
  parseChunkHeader,
  viewOf,
  type ChunkHeader,
} from '../file-layout.ts';

export const HEADER: TraceHeader = {
  schema: 'loadbase.trace/1',
  instance: 'xen-early-boot~bios~base-0x03e00000',
  firmware: 'bios',
  subject: {
    changes: [],
    name: 'xen',
    imageSha256: 'ab'.repeat(32),
    imageSizeBytes: 4,
    linkBase: 0x200000,
    loadBase: 0x3e00000,
    segments: [{ physicalAddress: 0x3e00000, imageOffset: 0x80, fileSizeBytes: 2, memorySizeBytes: 3 }],
  },
  inside: [{ start: 0x3e00000n, end: 0x41a7000n, what: 'image' }],
  accelerator: 'tcg',
  way: 'log',
  tools: [{ name: 'qemu', version: '7.2.22', sha256: null }],
  capturedAt: '2025-01-31T12:00:00Z',
};

export const IMAGE = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46);

/** The bytes that a writer gives out while `write` uses it; it is ended unless `write` does so. */
export async function traceOf(
  write: (writer: TraceWriter) => void | Promise<void>,
  {
    initial = new Int32Array(STATE_WORDS),
    header = HEADER,
    ...options
  }: TraceWriterOptions & { initial?: Int32Array; header?: TraceHeader } = {},
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const writer = new TraceWriter((bytes) => void pieces.push(bytes), header, initial, options);
  await write(writer);
  await writer.end('__start_xen reached');
  return Buffer.concat(pieces);
}

/** Mulberry32: the same numbers for the same seed, each from 0 to 2^32 - 1. */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** Changes a state as an instruction might, or wildly: words of all kinds, in all sizes of value and difference. */
export function changeState(words: Int32Array, random: () => number): void {
  if (random() % 16 > 0) words[RIP]! += random() % 17;
  else words[RIP] = random();
  for (let count = random() % 4; count > 0; count--) words[random() % 32] = someWord(words, random);
  if (random() % 3 === 0) words[RFLAGS]! ^= random() & 0x8d5;
  if (random() % 50 === 0) words[random() % STATE_WORDS] = random();
  if (random() % 200 === 0) for (let word = 0; word < STATE_WORDS; word++) words[word] = random();
}

function someWord(words: Int32Array, random: () => number): number {
  const word = words[random() % 32]!;
  const bits = random() % 33;
  const value = bits === 0 ? 0 : random() >>> (32 - bits);
  return random() % 2 === 0 ? value : word + (random() % 2 === 0 ? value : -value);
}

/** A preamble with right checksums, for header text of any kind. */
export function preambleOf(json: string, change: (view: DataView) => void = () => undefined): Uint8Array {
  const header = new TextEncoder().encode(json);
  const preamble = encodePreamble(header);
  change(viewOf(preamble));
  sealAgain(preamble);
  return Buffer.concat([preamble, header]);
}

/** A chunk with right checksums, whatever it says of itself. */
export function chunkOf(type: number, stored: Uint8Array, said: Partial<ChunkHeader> = {}): Uint8Array {
  const sizes = { storedBytes: stored.length, rawBytes: stored.length, crc: crcOf(stored) };
  return Buffer.concat([
    encodeChunkHeader({ type, flags: 0, reserved: 0, index: 0, ...sizes, ...said }),
    stored,
  ]);
}

export interface Part {
  readonly header: ChunkHeader;
  readonly start: number;
  readonly end: number;
}

/** Where the chunks of a whole trace are. */
export function partsOf(file: Uint8Array): Part[] {
  const parts: Part[] = [];
  let start = 24 + viewOf(file).getUint32(12, true);
  while (start < file.length) {
    const header = parseChunkHeader(file.subarray(start, start + CHUNK_HEADER_BYTES));
    const end = start + CHUNK_HEADER_BYTES + header.storedBytes;
    parts.push({ header, start, end });
    start = end;
  }
  return parts;
}

function sealAgain(bytes: Uint8Array): void {
  const body = bytes.length - 4;
  viewOf(bytes).setUint32(body, crcOf(bytes.subarray(0, body)), true);
}
