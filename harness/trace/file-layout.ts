/** The fixed parts of a trace file, as docs/trace-format.md draws them: preamble, chunk headers. Little-endian. */
import crc32 from 'crc-32';
import { KIB, MIB } from '../bits/align.ts';

/** As PNG's: a byte that is no text, line ends that a text-mode copy changes, and the end of text for DOS. */
export const MAGIC = Uint8Array.of(0x89, 0x4c, 0x42, 0x54, 0x0d, 0x0a, 0x1a, 0x0a);
export const MAJOR_VERSION = 1;
export const MINOR_VERSION = 0;

export const PREAMBLE_BYTES = 24;
export const CHUNK_HEADER_BYTES = 24;

/** Chunk types. */
export const [RECORDS_CHUNK, IMAGE_CHUNK, END_CHUNK] = [1, 2, 3];
/** Chunk flags: whoever does not know the type may skip it; the payload is a zlib stream (RFC 1950). */
export const [OPTIONAL_FLAG, DEFLATED_FLAG] = [1, 2];

/** Four counts of 64 bits, then the state's words: how each records chunk begins. */
export const RECORDS_PROLOGUE_BYTES = 32 + 4 * 90;
/** Two counts of 64 bits and a CRC-32, then text. */
export const END_PROLOGUE_BYTES = 20;

/** What a reader takes at most, and so a writer too. */
export const LIMITS = {
  headerBytes: MIB,
  chunkRawBytes: 4 * MIB,
  /** Memory records and image together, in a whole trace. */
  memoryBytes: 512 * MIB,
  /** Of one memory record or digest. */
  listEntries: 64 * KIB,
  whyBytes: 4 * KIB,
} as const;

/** CRC-32 (ISO 3309, as zlib's and PNG's), unsigned. @param seed the CRC of what stands before */
export function crcOf(bytes: Uint8Array, seed = 0): number {
  return crc32.buf(bytes, seed | 0) >>> 0;
}

export interface Preamble {
  readonly major: number;
  readonly minor: number;
  readonly headerBytes: number;
  readonly headerCrc: number;
}

export function encodePreamble(headerJson: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(PREAMBLE_BYTES);
  const view = viewOf(bytes);
  bytes.set(MAGIC);
  view.setUint16(8, MAJOR_VERSION, true);
  view.setUint16(10, MINOR_VERSION, true);
  view.setUint32(12, headerJson.length, true);
  view.setUint32(16, crcOf(headerJson), true);
  return sealed(bytes);
}

/** @param bytes {@link PREAMBLE_BYTES} of them, magic and seal already checked */
export function parsePreamble(bytes: Uint8Array): Preamble {
  const view = viewOf(bytes);
  return {
    major: view.getUint16(8, true),
    minor: view.getUint16(10, true),
    headerBytes: view.getUint32(12, true),
    headerCrc: view.getUint32(16, true),
  };
}

export interface ChunkHeader {
  readonly type: number;
  readonly flags: number;
  readonly reserved: number;
  /** 0 for the first chunk of the file. */
  readonly index: number;
  /** In the file. */
  readonly storedBytes: number;
  /** Inflated. */
  readonly rawBytes: number;
  /** Of the stored bytes. */
  readonly crc: number;
}

export function encodeChunkHeader(header: ChunkHeader): Uint8Array {
  const bytes = new Uint8Array(CHUNK_HEADER_BYTES);
  const view = viewOf(bytes);
  view.setUint8(0, header.type);
  view.setUint8(1, header.flags);
  view.setUint16(2, header.reserved, true);
  view.setUint32(4, header.index, true);
  view.setUint32(8, header.storedBytes, true);
  view.setUint32(12, header.rawBytes, true);
  view.setUint32(16, header.crc, true);
  return sealed(bytes);
}

/** @param bytes {@link CHUNK_HEADER_BYTES} of them, seal already checked */
export function parseChunkHeader(bytes: Uint8Array): ChunkHeader {
  const view = viewOf(bytes);
  return {
    type: view.getUint8(0),
    flags: view.getUint8(1),
    reserved: view.getUint16(2, true),
    index: view.getUint32(4, true),
    storedBytes: view.getUint32(8, true),
    rawBytes: view.getUint32(12, true),
    crc: view.getUint32(16, true),
  };
}

/** The CRC-32 that the last four bytes of a fixed part hold over those before, and the one they should. */
export function sealOf(bytes: Uint8Array): { readonly written: number; readonly found: number } {
  const body = bytes.length - 4;
  return { written: viewOf(bytes).getUint32(body, true), found: crcOf(bytes.subarray(0, body)) };
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function sealed(bytes: Uint8Array): Uint8Array {
  const body = bytes.length - 4;
  viewOf(bytes).setUint32(body, crcOf(bytes.subarray(0, body)), true);
  return bytes;
}
