/** Names for addresses and addresses for names (System V ABI, "Symbol Table"). */
import { ByteReader } from '../bits/byte-reader.ts';
import { ElfUnsupportedError } from './elf-errors.ts';
import { type ElfImage, loadSegments } from './elf-image.ts';
import { type Section, SECTION_SYMBOL_TABLE, sectionBytes } from './section-headers.ts';

/** `other` keeps what has no use here: thread-local, common, indirect functions. */
export type SymbolKind = 'label' | 'object' | 'function' | 'section' | 'file' | 'other';

export interface ElfSymbol {
  readonly name: string;
  /** `st_value`: a virtual address, or a plain number where `absolute`. */
  readonly address: bigint;
  readonly size: number;
  readonly kind: SymbolKind;
  readonly local: boolean;
  /** Belongs to no section (SHN_ABS): a constant rather than a place. */
  readonly absolute: boolean;
}

export interface NearestSymbol {
  readonly name: string;
  /** Bytes from the symbol to the address asked for. */
  readonly offset: bigint;
}

const SECTION_UNDEFINED = 0;
const SECTION_ABSOLUTE = 0xfff1;
const SECTION_COMMON = 0xfff2;
const KINDS: readonly SymbolKind[] = ['label', 'object', 'function', 'section', 'file'];

export class SymbolTable {
  readonly #byName = new Map<string, ElfSymbol[]>();
  /** Symbols that are places, one an address (the best of those there), ascending; made when first asked for. */
  #places: readonly ElfSymbol[] | undefined;
  readonly #symbols: readonly ElfSymbol[];
  readonly #isLoaded: (address: bigint) => boolean;

  /** @param isLoaded limits `nearest`, so that an address outside the image is not named after its last symbol. */
  constructor(symbols: readonly ElfSymbol[], isLoaded: (address: bigint) => boolean) {
    this.#symbols = symbols;
    this.#isLoaded = isLoaded;
    for (const symbol of symbols) {
      if (symbol.kind === 'file' || symbol.kind === 'section') continue;
      const namesakes = this.#byName.get(symbol.name);
      if (namesakes) namesakes.push(symbol);
      else this.#byName.set(symbol.name, [symbol]);
    }
  }

  /** The virtual address of the first symbol called `name`, in file order. */
  address(name: string): bigint | undefined {
    return this.#byName.get(name)?.[0]?.address;
  }

  /** Every symbol called `name`, in file order: local names may repeat. */
  all(name: string): readonly ElfSymbol[] {
    return this.#byName.get(name) ?? [];
  }

  /** Every name once, in file order; no file or section names. */
  names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  /**
   * The last symbol at or below `address`; at one address functions and objects come before labels, these before
   * section names, and global ones before local ones.
   * @returns undefined below the first symbol and outside the loaded image.
   */
  nearest(address: bigint): NearestSymbol | undefined {
    if (!this.#isLoaded(address)) return undefined;
    this.#places ??= bestPlaces(this.#symbols);
    const found = lastAtOrBelow(this.#places, address);
    return found && { name: found.name, offset: address - found.address };
  }
}

/**
 * Symbols of the image's symbol table; an empty table where it was stripped.
 * @throws ElfTruncatedError where the table or its names lie beyond the end of the file.
 * @throws ElfUnsupportedError where its entries have another size than the specification's.
 */
export function readSymbols(elf: ElfImage): SymbolTable {
  const section = elf.sections.find((candidate) => candidate.type === SECTION_SYMBOL_TABLE);
  const segments = loadSegments(elf);
  const isLoaded = (address: bigint): boolean =>
    segments.length === 0 || segments.some((s) => address >= s.vaddr && address < s.vaddr + BigInt(s.memsz));
  return new SymbolTable(section ? parseSymbols(elf, section) : [], isLoaded);
}

function parseSymbols(elf: ElfImage, section: Section): ElfSymbol[] {
  const entrySize = elf.class === 32 ? 16 : 24;
  if (section.entrySize !== entrySize)
    throw new ElfUnsupportedError(
      `symbol table entries of ${section.entrySize} bytes; ${entrySize} expected`,
    );
  const table = new ByteReader(sectionBytes(elf.bytes, section, 'symbol table'), 'symbol table');
  const nameSection = elf.sections[section.link];
  const nameBytes = nameSection ? sectionBytes(elf.bytes, nameSection, 'symbol names') : new Uint8Array();
  const names = Buffer.from(nameBytes.buffer, nameBytes.byteOffset, nameBytes.length).toString('latin1');
  const symbols: ElfSymbol[] = [];
  for (let offset = 0; offset + entrySize <= table.length; offset += entrySize) {
    const symbol = parseSymbol(elf, table, offset, names);
    if (symbol) symbols.push(symbol);
  }
  return symbols;
}

/** @returns undefined for symbols defined elsewhere, common ones, and ones without a name. */
function parseSymbol(elf: ElfImage, table: ByteReader, at: number, names: string): ElfSymbol | undefined {
  const wide = elf.class === 64;
  const sectionIndex = table.u16(at + (wide ? 6 : 14));
  if (sectionIndex === SECTION_UNDEFINED || sectionIndex === SECTION_COMMON) return undefined;
  const info = table.u8(at + (wide ? 4 : 12));
  const kind = KINDS[info & 0xf] ?? 'other';
  const ownName = nameAt(names, table.u32(at));
  // Linkers leave the names of section symbols empty: the section itself has it.
  const name = kind === 'section' && ownName === '' ? (elf.sections[sectionIndex]?.name ?? '') : ownName;
  if (name === '') return undefined;
  return {
    name,
    address: wide ? table.u64(at + 8) : BigInt(table.u32(at + 4)),
    size: wide ? Number(table.u64(at + 16)) : table.u32(at + 8),
    kind,
    local: info >> 4 === 0,
    absolute: sectionIndex === SECTION_ABSOLUTE,
  };
}

function nameAt(names: string, offset: number): string {
  const end = names.indexOf('\0', offset);
  return names.slice(offset, end < 0 ? undefined : end);
}

function lastAtOrBelow(places: readonly ElfSymbol[], address: bigint): ElfSymbol | undefined {
  let low = 0;
  let high = places.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const place = places[middle];
    if (place && place.address <= address) low = middle + 1;
    else high = middle;
  }
  return places[low - 1];
}

/** Lower is better. */
function rank(symbol: ElfSymbol): number {
  const byKind = { function: 0, object: 0, label: 2, other: 2, section: 4, file: 6 }[symbol.kind];
  return byKind + (symbol.local ? 1 : 0);
}

function bestPlaces(symbols: readonly ElfSymbol[]): ElfSymbol[] {
  const best = new Map<bigint, ElfSymbol>();
  for (const symbol of symbols) {
    if (symbol.kind === 'file' || symbol.absolute) continue;
    const rival = best.get(symbol.address);
    if (!rival || rank(symbol) < rank(rival)) best.set(symbol.address, symbol);
  }
  return [...best.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
}
