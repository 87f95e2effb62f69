/** The Multiboot header in an image, the older protocol (Multiboot Specification 0.6.96 §3.1). */
import { ByteReader } from '../bits/byte-reader.ts';
import { MULTIBOOT1_HEADER_MAGIC } from './magic.ts';

export interface Multiboot1Header {
  /** Bytes from the start of the file. */
  readonly offset: number;
  /** Bit 0: modules page aligned; 1: memory information; 2: video mode; 16: address fields valid. */
  readonly flags: number;
}

const SEARCH_LIMIT = 8192;
const HEADER_SIZE = 12;

/** The first header with a right checksum, 4-byte aligned, wholly within the first 8192 bytes; else undefined. */
export function findMultiboot1Header(bytes: Uint8Array): Multiboot1Header | undefined {
  const reader = new ByteReader(bytes, 'Multiboot header');
  for (let offset = 0; offset + HEADER_SIZE <= Math.min(SEARCH_LIMIT, bytes.length); offset += 4) {
    if (reader.u32(offset) !== MULTIBOOT1_HEADER_MAGIC) continue;
    const flags = reader.u32(offset + 4);
    if ((MULTIBOOT1_HEADER_MAGIC + flags + reader.u32(offset + 8)) % 2 ** 32 === 0) return { offset, flags };
  }
  return undefined;
}
