/** The symbols of an image, as facts. */
import { bytesAt, parseElf, type ElfImage } from '../elf/elf-image.ts';
import { readSymbols, type SymbolTable } from '../elf/symbol-table.ts';
import { SECTION_SYMBOL_TABLE } from '../elf/section-headers.ts';
import type { BootImage } from './boot-image.ts';

/**
 * xen-syms beside the image it belongs to, or an image that was not stripped. Either may be linked at high virtual
 * addresses; the constant between them and link-time physical addresses differs, so it is taken from the files themselves.
 */
export class ImageSymbols {
  readonly #elf: ElfImage;
  readonly #table: SymbolTable;
  /** Virtual address − link-time physical address; Xen's is `__XEN_VIRT_START`. */
  readonly virtualStart: bigint;

  /**
   * @param virtualStart where it is known; else the symbol `_start` is taken to be the image's first byte.
   * @throws ImageSymbolsError where `file` is no symbol file of an image linked at `linkBase`.
   */
  constructor(file: Uint8Array, linkBase: number, virtualStart?: bigint) {
    this.#elf = parseElf(file);
    this.#table = readSymbols(this.#elf);
    this.virtualStart = virtualStart ?? this.#first() - BigInt(linkBase);
  }

  /** Those of an image that has its own; undefined where it was stripped. */
  static ofImage({ bytes, elf, loaded }: BootImage): ImageSymbols | undefined {
    const first = loaded.segments.find(({ paddr }) => paddr === BigInt(loaded.linkBase));
    if (!elf?.sections.some(({ type }) => type === SECTION_SYMBOL_TABLE) || !first) return undefined;
    return new ImageSymbols(bytes, loaded.linkBase, first.vaddr - first.paddr);
  }

  /** @throws ImageSymbolsError */
  #first(): bigint {
    const start = this.#table.address('_start');
    if (start !== undefined) return start;
    throw new ImageSymbolsError('the symbol file has no symbol _start; give the unstripped xen-syms');
  }

  has(name: string): boolean {
    return this.#table.address(name) !== undefined;
  }

  /** @throws ImageSymbolsError */
  linear(name: string): bigint {
    const address = this.#table.address(name);
    if (address === undefined) throw new ImageSymbolsError(`the symbol file has no symbol ${name}`);
    return address;
  }

  /** Link-time physical address of a symbol: Xen's `sym_offs()`. @throws ImageSymbolsError */
  linkTime(name: string): number {
    return Number(this.linear(name) - this.virtualStart);
  }

  /** The symbol at or before a linear address, with the distance. */
  nearest(linear: bigint): { readonly name: string; readonly offset: bigint } | undefined {
    return this.#table.nearest(linear);
  }

  /** What Xen's early boot must not write: by name, for the linker's flags call them writable. Link-time addresses. */
  readOnlySections(): { readonly name: string; readonly linkTime: number; readonly bytes: Uint8Array }[] {
    return this.#elf.sections
      .filter(({ name }) => name === '.text' || name === '.rodata')
      .flatMap(({ name, address, size }) => {
        const bytes = this.bytes(address, size);
        return bytes ? [{ name, linkTime: Number(address - this.virtualStart), bytes }] : [];
      });
  }

  /** Link-time bytes at a linear address. */
  bytes(linear: bigint, sizeBytes: number): Uint8Array | undefined {
    return bytesAt(this.#elf, linear, sizeBytes);
  }
}

export class ImageSymbolsError extends Error {
  override readonly name = 'ImageSymbolsError';
}
