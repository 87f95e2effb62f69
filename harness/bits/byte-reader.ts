/** Reads little-endian unsigned numbers from bytes and says what was cut short, where. */

export class TruncatedError extends Error {
  override readonly name = 'TruncatedError';
  constructor(
    readonly what: string,
    readonly offset: number,
    readonly needed: number,
    readonly available: number,
  ) {
    super(
      `${what} is cut short: ${needed} bytes needed at offset ${offset}, ${Math.max(0, available)} there`,
    );
  }
}

export class ByteReader {
  readonly #view: DataView;

  /** @param what names the bytes in errors, e.g. `ELF header`. */
  constructor(
    readonly bytes: Uint8Array,
    readonly what: string,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.byteLength;
  }

  /** @throws TruncatedError where fewer than 1 byte is left; likewise u16, u32, u64, slice. */
  u8(offset: number): number {
    this.#check(offset, 1);
    return this.#view.getUint8(offset);
  }

  u16(offset: number): number {
    this.#check(offset, 2);
    return this.#view.getUint16(offset, true);
  }

  u32(offset: number): number {
    this.#check(offset, 4);
    return this.#view.getUint32(offset, true);
  }

  u64(offset: number): bigint {
    this.#check(offset, 8);
    return this.#view.getBigUint64(offset, true);
  }

  /** A view of `size` bytes at `offset`, not a copy. */
  slice(offset: number, size: number): Uint8Array {
    this.#check(offset, size);
    return this.bytes.subarray(offset, offset + size);
  }

  /** NUL-terminated text of at most `maxSize` bytes, as Latin-1; without a NUL the text ends at the limit. */
  cString(offset: number, maxSize = this.length - offset): string {
    this.#check(offset, 0);
    const end = Math.min(this.length, offset + maxSize);
    const nul = this.bytes.indexOf(0, offset);
    const stop = nul < 0 || nul > end ? end : nul;
    return Buffer.from(this.bytes.subarray(offset, stop)).toString('latin1');
  }

  #check(offset: number, size: number): void {
    if (offset < 0 || size < 0 || offset + size > this.length)
      throw new TruncatedError(this.what, offset, size, this.length - offset);
  }
}
