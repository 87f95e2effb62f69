/** Program headers: what a loader must put where (System V ABI, "Program Header"). */
import { type ByteReader } from '../bits/byte-reader.ts';
import { ElfUnsupportedError } from './elf-errors.ts';
import { exactNumber, extentWithin, type HeaderTableExtent, tableEntries } from './header-table.ts';

export const SEGMENT_LOAD = 1;

/** `p_flags` bits. */
export const SEGMENT_EXECUTE = 1;
export const SEGMENT_WRITE = 2;
export const SEGMENT_READ = 4;

export interface Segment {
  /** `p_type`; 1 is PT_LOAD. */
  readonly type: number;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly vaddr: bigint;
  readonly paddr: bigint;
  /** Bytes in the file; the rest of `memsz` is zero. */
  readonly filesz: number;
  readonly memsz: number;
  /** `p_flags`: 1 execute, 2 write, 4 read. */
  readonly flags: number;
  readonly align: number;
}

/** `e_phnum` of a file whose true count is kept elsewhere (PN_XNUM); no bootable image has 65,535 segments. */
const COUNT_KEPT_ELSEWHERE = 0xffff;

/** @throws ElfTruncatedError, ElfUnsupportedError */
export function parseProgramHeaders(
  bytes: Uint8Array,
  elfClass: 32 | 64,
  extent: HeaderTableExtent,
): Segment[] {
  if (extent.count === COUNT_KEPT_ELSEWHERE)
    throw new ElfUnsupportedError('more than 65,534 program headers');
  const parse = elfClass === 32 ? segment32 : segment64;
  const entries = tableEntries(bytes, 'program header table', extent, elfClass === 32 ? 32 : 56);
  const segments = entries.map(parse);
  segments.forEach((segment, index) => {
    checkSegment(bytes, segment, index);
  });
  return segments;
}

function checkSegment(bytes: Uint8Array, segment: Segment, index: number): void {
  extentWithin(bytes, `segment ${index}`, BigInt(segment.offset), BigInt(segment.filesz));
  if (segment.type === SEGMENT_LOAD && segment.filesz > segment.memsz)
    throw new ElfUnsupportedError(
      `segment ${index} has more bytes in the file (${segment.filesz}) than in memory (${segment.memsz})`,
    );
}

function segment32(entry: ByteReader): Segment {
  return {
    type: entry.u32(0),
    offset: entry.u32(4),
    vaddr: BigInt(entry.u32(8)),
    paddr: BigInt(entry.u32(12)),
    filesz: entry.u32(16),
    memsz: entry.u32(20),
    flags: entry.u32(24),
    align: entry.u32(28),
  };
}

function segment64(entry: ByteReader): Segment {
  const word = (offset: number, field: string): number =>
    exactNumber(entry.u64(offset), `${entry.what}: ${field}`);
  return {
    type: entry.u32(0),
    flags: entry.u32(4),
    offset: word(8, 'p_offset'),
    vaddr: entry.u64(16),
    paddr: entry.u64(24),
    filesz: word(32, 'p_filesz'),
    memsz: word(40, 'p_memsz'),
    align: word(48, 'p_align'),
  };
}
