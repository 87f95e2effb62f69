/** The symbol file of an image, as facts. */
import { bytesAt, parseElf, type ElfImage } from '../elf/elf-image.ts';
import { readSymbols, type SymbolTable } from '../elf/symbol-table.ts';

/**
 * xen-syms beside the image it belongs to. It is linked at high virtual addresses; the constant between them and
 * link-time physical addresses differs between versions, so it is taken from the files themselves.
 */
export class ImageSymbols {
  readonly #elf: ElfImage;
  readonly #table: SymbolTable;
  /** `__XEN_VIRT_START`: virtual address − link-time physical address. */
  readonly virtualStart: bigint;

  /** @throws ImageSymbolsError where `file` is no symbol file of an image linked at `linkBase`. */
  constructor(file: Uint8Array, linkBase: number) {
    this.#elf = parseElf(file);
    this.#table = readSymbols(this.#elf);
    const start = this.#table.address('_start');
    if (start === undefined)
      throw new ImageSymbolsError('the symbol file has no symbol _start; give the unstripped xen-syms');
    this.virtualStart = start - BigInt(linkBase);
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
