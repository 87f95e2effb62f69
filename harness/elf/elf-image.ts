/** ELF files for x86, 32- and 64-bit, little-endian (System V ABI, "Object Files"). */
import { ByteReader } from '../bits/byte-reader.ts';
import { ElfTruncatedError, ElfUnsupportedError, NotElfError } from './elf-errors.ts';
import { parseProgramHeaders, type Segment, SEGMENT_LOAD } from './program-headers.ts';
import { parseSectionHeaders, type Section } from './section-headers.ts';

export type ElfClass = 32 | 64;

/** `e_machine` values accepted here. */
export const MACHINE_386 = 3;
export const MACHINE_X86_64 = 62;

export interface ElfImage {
  readonly class: ElfClass;
  /** `e_machine`: 3 (i386) or 62 (x86-64). */
  readonly machine: number;
  /** `e_entry`, a virtual address. */
  readonly entry: bigint;
  /** In file order, of every type. */
  readonly segments: readonly Segment[];
  /** In file order, index 0 (the null section) included; empty where the table was stripped. */
  readonly sections: readonly Section[];
  readonly bytes: Uint8Array;
}

const HEADER_SIZE = { 32: 52, 64: 64 } as const;

/**
 * Reads headers and tables; the contents of sections are read only when asked for.
 * @throws NotElfError where the magic is missing; it says what the first bytes look like.
 * @throws ElfTruncatedError where a table or a segment's bytes lie beyond the end of the file.
 * @throws ElfUnsupportedError for big-endian, other machines, or headers that contradict themselves.
 */
export function parseElf(bytes: Uint8Array): ElfImage {
  const elfClass = checkIdentification(bytes);
  const reader = new ByteReader(bytes, 'ELF header');
  const machine = reader.u16(0x12);
  if (machine !== MACHINE_386 && machine !== MACHINE_X86_64)
    throw new ElfUnsupportedError(`machine ${machine} is not x86 (${MACHINE_386} or ${MACHINE_X86_64})`);
  const wide = elfClass === 64;
  const word = (at32: number, at64: number): bigint => (wide ? reader.u64(at64) : BigInt(reader.u32(at32)));
  const half = (at32: number, at64: number): number => reader.u16(wide ? at64 : at32);
  return {
    class: elfClass,
    machine,
    entry: word(0x18, 0x18),
    segments: parseProgramHeaders(bytes, elfClass, {
      offset: word(0x1c, 0x20),
      entrySize: half(0x2a, 0x36),
      count: half(0x2c, 0x38),
    }),
    sections: parseSectionHeaders(
      bytes,
      elfClass,
      { offset: word(0x20, 0x28), entrySize: half(0x2e, 0x3a), count: half(0x30, 0x3c) },
      half(0x32, 0x3e),
    ),
    bytes,
  };
}

/** The segments a loader copies: type PT_LOAD, in file order. */
export function loadSegments(elf: ElfImage): readonly Segment[] {
  return elf.segments.filter((segment) => segment.type === SEGMENT_LOAD);
}

/**
 * `size` bytes at `vaddr` as a loader would lay them out: file bytes, then zeros up to `memsz`.
 * @returns undefined unless one loadable segment holds the whole range. A view of the file where it can, else a copy.
 */
export function bytesAt(elf: ElfImage, vaddr: bigint, size: number): Uint8Array | undefined {
  const end = vaddr + BigInt(size);
  const segment = loadSegments(elf).find((s) => vaddr >= s.vaddr && end <= s.vaddr + BigInt(s.memsz));
  if (!segment || size < 0) return undefined;
  const start = Number(vaddr - segment.vaddr);
  const backed = elf.bytes.subarray(
    segment.offset + Math.min(start, segment.filesz),
    segment.offset + Math.min(start + size, segment.filesz),
  );
  if (backed.length === size) return backed;
  const padded = new Uint8Array(size);
  padded.set(backed);
  return padded;
}

/** Checks `e_ident` and that the whole ELF header is there. */
function checkIdentification(bytes: Uint8Array): ElfClass {
  const magic = [0x7f, 0x45, 0x4c, 0x46];
  if (!magic.every((byte, index) => bytes[index] === byte)) throw new NotElfError(bytes);
  const [classByte, dataByte] = [bytes[4], bytes[5]];
  if (classByte === undefined || dataByte === undefined)
    throw new ElfTruncatedError('header', 0, HEADER_SIZE[32], bytes.length);
  if (classByte !== 1 && classByte !== 2) throw new ElfUnsupportedError(`class byte ${classByte}`);
  if (dataByte === 2) throw new ElfUnsupportedError('it is big-endian; x86 is little-endian');
  if (dataByte !== 1) throw new ElfUnsupportedError(`data encoding byte ${dataByte}`);
  const elfClass = classByte === 1 ? 32 : 64;
  if (bytes.length < HEADER_SIZE[elfClass])
    throw new ElfTruncatedError('header', 0, HEADER_SIZE[elfClass], bytes.length);
  return elfClass;
}
