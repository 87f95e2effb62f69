/** What program and section header tables have in common: bounds, and numbers that must fit. */
import { ByteReader } from '../bits/byte-reader.ts';
import { ElfTruncatedError, ElfUnsupportedError } from './elf-errors.ts';

/** Where a header table lies, as the ELF header says. */
export interface HeaderTableExtent {
  readonly offset: bigint;
  readonly entrySize: number;
  readonly count: number;
}

/**
 * A reader over each entry of a table; none where the table is empty.
 * @throws ElfTruncatedError, ElfUnsupportedError
 */
export function tableEntries(
  bytes: Uint8Array,
  name: string,
  { offset, entrySize, count }: HeaderTableExtent,
  minimumEntrySize: number,
): ByteReader[] {
  if (count === 0) return [];
  if (entrySize < minimumEntrySize)
    throw new ElfUnsupportedError(`${name} entries of ${entrySize} bytes; ${minimumEntrySize} are needed`);
  const start = extentWithin(bytes, name, offset, BigInt(entrySize * count));
  return Array.from(
    { length: count },
    (_, index) =>
      new ByteReader(
        bytes.subarray(start + index * entrySize, start + (index + 1) * entrySize),
        `${name} entry ${index}`,
      ),
  );
}

/**
 * The offset as a number, once the extent is known to lie within the file.
 * @throws ElfTruncatedError
 */
export function extentWithin(bytes: Uint8Array, name: string, offset: bigint, size: bigint): number {
  if (offset + size > BigInt(bytes.length)) throw new ElfTruncatedError(name, offset, size, bytes.length);
  return Number(offset);
}

/** @throws ElfUnsupportedError where `value` is beyond 2^53 - 1. */
export function exactNumber(value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new ElfUnsupportedError(`${what} 0x${value.toString(16)} is beyond 2^53`);
  return Number(value);
}
