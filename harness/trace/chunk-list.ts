/** Finds the chunks of a trace file and checks them, up to its end chunk or to the first that is damaged. */
import { hex } from '../bits/hex.ts';
import {
  CHUNK_HEADER_BYTES,
  crcOf,
  DEFLATED_FLAG,
  LIMITS,
  END_CHUNK,
  IMAGE_CHUNK,
  OPTIONAL_FLAG,
  parseChunkHeader,
  RECORDS_CHUNK,
  sealOf,
  type ChunkHeader,
} from './file-layout.ts';
import {
  TraceChecksumError,
  TraceMalformedError,
  TraceSizeError,
  TraceVersionError,
  type TraceError,
} from './trace-errors.ts';

/** A chunk whose bytes are all there, with right checksums. */
export interface FoundChunk extends ChunkHeader {
  /** Of its header, in the file. */
  readonly position: number;
  /** As in the file: maybe deflated. */
  readonly stored: Uint8Array;
}

/** The file ends where more was to come. */
export interface Cut {
  readonly cut: string;
  readonly position: number;
}

export interface ChunkList {
  readonly chunks: readonly FoundChunk[];
  /** Why no more were read; undefined where the last one is the end chunk and nothing follows. */
  readonly damage: TraceError | Cut | undefined;
}

const KNOWN_TYPES: readonly number[] = [RECORDS_CHUNK, IMAGE_CHUNK, END_CHUNK];
const KNOWN_FLAGS = OPTIONAL_FLAG | DEFLATED_FLAG;

/** @param version of the file, e.g. `1.0` */
export function findChunks(file: Uint8Array, start: number, version: string): ChunkList {
  const chunks: FoundChunk[] = [];
  let position = start;
  while (chunks.at(-1)?.type !== END_CHUNK) {
    const found = chunkAt(file, position, chunks.length, version);
    if (!('stored' in found)) return { chunks, damage: found };
    chunks.push(found);
    position += CHUNK_HEADER_BYTES + found.storedBytes;
  }
  if (position === file.length) return { chunks, damage: undefined };
  const behind = `${file.length - position} bytes stand behind the end`;
  return { chunks, damage: new TraceMalformedError(behind, position, chunks.length) };
}

function chunkAt(
  file: Uint8Array,
  position: number,
  index: number,
  version: string,
): FoundChunk | TraceError | Cut {
  const headerBytes = file.subarray(position, position + CHUNK_HEADER_BYTES);
  if (headerBytes.length < CHUNK_HEADER_BYTES) {
    const what = headerBytes.length === 0 ? `before chunk ${index}` : `in the header of chunk ${index}`;
    return { cut: what, position: file.length };
  }
  const seal = sealOf(headerBytes);
  if (seal.written !== seal.found)
    return new TraceChecksumError(`the header of chunk ${index}`, position, seal.written, seal.found);
  const header = parseChunkHeader(headerBytes);
  const wrong = wrongHeader(header, position, index, version);
  if (wrong) return wrong;
  const payload = position + CHUNK_HEADER_BYTES;
  const stored = file.subarray(payload, payload + header.storedBytes);
  if (stored.length < header.storedBytes) return { cut: `in chunk ${index}`, position: file.length };
  const crc = crcOf(stored);
  if (crc !== header.crc) return new TraceChecksumError(`chunk ${index}`, position, header.crc, crc);
  return { ...header, position, stored };
}

function wrongHeader(
  header: ChunkHeader,
  position: number,
  index: number,
  version: string,
): TraceError | undefined {
  const isOptional = (header.flags & OPTIONAL_FLAG) !== 0;
  if (!isOptional && !KNOWN_TYPES.includes(header.type))
    return new TraceVersionError(
      `chunk ${index} is of type ${header.type}, which is not known here`,
      position,
      version,
    );
  if ((header.flags & ~KNOWN_FLAGS) !== 0 || header.reserved !== 0)
    return new TraceVersionError(
      `chunk ${index} has flags ${hex(header.flags, 2)} that are not known here`,
      position,
      version,
    );
  if (header.index !== index)
    return new TraceMalformedError(`it is numbered ${header.index}`, position, index);
  return wrongSize(header, position, index);
}

function wrongSize(header: ChunkHeader, position: number, index: number): TraceError | undefined {
  const largest = Math.max(header.rawBytes, header.storedBytes);
  if (largest > LIMITS.chunkRawBytes)
    return new TraceSizeError(`chunk ${index}`, position, largest, LIMITS.chunkRawBytes);
  if ((header.flags & DEFLATED_FLAG) === 0 && header.rawBytes !== header.storedBytes)
    return new TraceMalformedError('it is stored as it is, in another size', position, index);
  return undefined;
}
