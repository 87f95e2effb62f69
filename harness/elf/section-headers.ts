/** Section headers: what a linker left for debuggers (System V ABI, "Sections"). */
import { ByteReader } from '../bits/byte-reader.ts';
import { exactNumber, extentWithin, type HeaderTableExtent, tableEntries } from './header-table.ts';

export const SECTION_SYMBOL_TABLE = 2;
export const SECTION_STRING_TABLE = 3;
export const SECTION_NO_BITS = 8;

export interface Section {
  readonly index: number;
  readonly name: string;
  /** `sh_type`; 2 is a symbol table, 8 has no bytes in the file. */
  readonly type: number;
  readonly flags: bigint;
  /** Virtual address, 0 where the section is not loaded. */
  readonly address: bigint;
  /** Bytes from the start of the file. */
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  /** Bytes of one entry of a table section, else 0. */
  readonly entrySize: number;
}

type UnnamedSection = Omit<Section, 'name'> & { readonly nameOffset: number };

/**
 * @param namesIndex `e_shstrndx`; names are empty where it points nowhere.
 * @throws ElfTruncatedError, ElfUnsupportedError
 */
export function parseSectionHeaders(
  bytes: Uint8Array,
  elfClass: 32 | 64,
  extent: HeaderTableExtent,
  namesIndex: number,
): Section[] {
  if (extent.offset === 0n) return [];
  const parse = elfClass === 32 ? section32 : section64;
  const entries = tableEntries(bytes, 'section header table', extent, elfClass === 32 ? 40 : 64);
  const unnamed = entries.map(parse);
  const names = unnamed[namesIndex];
  const text = names?.type === SECTION_STRING_TABLE ? sectionBytes(bytes, names, 'section names') : undefined;
  const reader = new ByteReader(text ?? new Uint8Array(), 'section names');
  return unnamed.map(({ nameOffset, ...section }) => ({
    ...section,
    name: nameOffset < reader.length ? reader.cString(nameOffset) : '',
  }));
}

/**
 * The bytes of a section in the file; empty for one without bits.
 * @throws ElfTruncatedError
 */
export function sectionBytes(
  bytes: Uint8Array,
  section: Pick<Section, 'type' | 'offset' | 'size'>,
  what: string,
): Uint8Array {
  if (section.type === SECTION_NO_BITS) return new Uint8Array();
  const start = extentWithin(bytes, what, BigInt(section.offset), BigInt(section.size));
  return bytes.subarray(start, start + section.size);
}

function section32(entry: ByteReader, index: number): UnnamedSection {
  return {
    index,
    nameOffset: entry.u32(0),
    type: entry.u32(4),
    flags: BigInt(entry.u32(8)),
    address: BigInt(entry.u32(12)),
    offset: entry.u32(16),
    size: entry.u32(20),
    link: entry.u32(24),
    info: entry.u32(28),
    align: entry.u32(32),
    entrySize: entry.u32(36),
  };
}

function section64(entry: ByteReader, index: number): UnnamedSection {
  const word = (offset: number, field: string): number =>
    exactNumber(entry.u64(offset), `${entry.what}: ${field}`);
  return {
    index,
    nameOffset: entry.u32(0),
    type: entry.u32(4),
    flags: entry.u64(8),
    address: entry.u64(16),
    offset: word(24, 'sh_offset'),
    size: word(32, 'sh_size'),
    link: entry.u32(40),
    info: entry.u32(44),
    align: word(48, 'sh_addralign'),
    entrySize: word(56, 'sh_entsize'),
  };
}
