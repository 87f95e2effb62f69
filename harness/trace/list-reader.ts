/** Reads what of a chunk is rare: counts, lists of memory and of digests. Every size is looked at before it is believed. */
import { LIMITS } from './file-layout.ts';
import { isPhysical } from './physical-ranges.ts';
import type { MemoryDigest, MemoryRun } from './record.ts';
import type { RecordsChunk } from './records-chunk.ts';

/** An address, a size and one byte; an address, a size and a CRC-32. */
const [LEAST_RUN_BYTES, LEAST_DIGEST_BYTES] = [3, 6];

export class ListReader {
  readonly #chunk: RecordsChunk;
  #position: number;

  constructor(chunk: RecordsChunk, position: number) {
    this.#chunk = chunk;
    this.#position = position;
  }

  /** Behind what was read. */
  get position(): number {
    return this.#position;
  }

  /** A varint below 2^53. @throws TraceMalformedError where it is none; likewise the others */
  number(): number {
    const { bytes, recordsEnd } = this.#chunk;
    let value = 0;
    for (let scale = 1; scale < 2 ** 53; scale *= 0x80) {
      if (this.#position >= recordsEnd) this.#malformed('a number reaches beyond its chunk');
      const byte = bytes[this.#position++]!;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80 && Number.isSafeInteger(value)) return value;
    }
    return this.#malformed('a number of more than 53 bits');
  }

  /** Views of the chunk's bytes. */
  memory(): readonly MemoryRun[] {
    return this.#list(LEAST_RUN_BYTES, () => {
      const { address, sizeBytes } = this.#range();
      return { address, bytes: this.#take(sizeBytes) };
    });
  }

  digests(): readonly MemoryDigest[] {
    return this.#list(LEAST_DIGEST_BYTES, () => ({
      ...this.#range(),
      crc32: wordAt(this.#take(4), 0) >>> 0,
    }));
  }

  /** A count is believed only as far as its entries can be there, each of which becomes an object. */
  #list<Entry>(leastBytes: number, entry: () => Entry): Entry[] {
    const count = this.number();
    const left = this.#chunk.recordsEnd - this.#position;
    if (count === 0 || count * leastBytes > left || count > LIMITS.listEntries)
      this.#malformed(`a list of ${count} entries in ${left} bytes`);
    return Array.from({ length: count }, entry);
  }

  #range(): { address: number; sizeBytes: number } {
    const address = this.number();
    const sizeBytes = this.number();
    if (!isPhysical(address, sizeBytes)) this.#malformed(`no memory: ${sizeBytes} bytes at ${address}`);
    return { address, sizeBytes };
  }

  #take(sizeBytes: number): Uint8Array {
    const start = this.#position;
    const left = this.#chunk.recordsEnd - start;
    if (sizeBytes > left) this.#malformed(`a list reaches beyond its chunk: ${sizeBytes} bytes of ${left}`);
    this.#position += sizeBytes;
    return this.#chunk.bytes.subarray(start, this.#position);
  }

  #malformed(what: string): never {
    throw this.#chunk.malformed(what, this.#position);
  }
}

/** Four bytes, little-endian, as a signed word. */
export function wordAt(bytes: Uint8Array, position: number): number {
  return (
    bytes[position]! |
    (bytes[position + 1]! << 8) |
    (bytes[position + 2]! << 16) |
    (bytes[position + 3]! << 24)
  );
}
