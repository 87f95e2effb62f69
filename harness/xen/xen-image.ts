/** The bootable Xen image and its symbol file, as facts. */
import { gunzipSync } from 'node:zlib';
import { MIB } from '../bits/align.ts';
import { bytesAt, parseElf, type ElfImage } from '../elf/elf-image.ts';
import { readSymbols, type SymbolTable } from '../elf/symbol-table.ts';
import { parseMultiboot2Header, type Multiboot2Header } from '../multiboot2/image-header.ts';
import { loadedImage, type LoadedImage } from '../multiboot2/loaded-image.ts';

/** A hostile gzip file must not fill memory; Xen unpacks to about 3 MiB. */
const MAX_IMAGE_BYTES = 256 * MIB;

export class ImageUnpackError extends Error {
  override readonly name = 'ImageUnpackError';
}

/** An image with a Multiboot2 header, unpacked. */
export interface BootImage {
  readonly bytes: Uint8Array;
  readonly elf: ElfImage;
  readonly header: Multiboot2Header;
  readonly loaded: LoadedImage;
}

/**
 * @param file the image, gzip or not.
 * @throws ImageUnpackError, NotElfError, ElfTruncatedError, ElfUnsupportedError, NoMultiboot2HeaderError,
 * Multiboot2HeaderTagError, LoadedImageError
 */
export function parseBootImage(file: Uint8Array): BootImage {
  const bytes = unpack(file);
  const elf = parseElf(bytes);
  return { bytes, elf, header: parseMultiboot2Header(bytes), loaded: loadedImage(elf) };
}

function unpack(file: Uint8Array): Uint8Array {
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file;
  try {
    return gunzipSync(file, { maxOutputLength: MAX_IMAGE_BYTES });
  } catch (error) {
    const isTooLarge = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
    throw new ImageUnpackError(
      isTooLarge
        ? `it unpacks to more than ${MAX_IMAGE_BYTES / MIB} MiB; give a hypervisor image`
        : `not a whole gzip file: ${error instanceof Error ? error.message : String(error)}; copy or build it again`,
      { cause: error },
    );
  }
}

/**
 * xen-syms beside the image it belongs to. It is linked at high virtual addresses; the constant between them and
 * link-time physical addresses differs between versions, so it is taken from the files themselves.
 */
export class XenSymbols {
  readonly #elf: ElfImage;
  readonly #table: SymbolTable;
  /** `__XEN_VIRT_START`: virtual address − link-time physical address. */
  readonly virtualStart: bigint;

  /** @throws XenSymbolsError where `file` is no symbol file of an image linked at `linkBase`. */
  constructor(file: Uint8Array, linkBase: number) {
    this.#elf = parseElf(file);
    this.#table = readSymbols(this.#elf);
    const start = this.#table.address('_start');
    if (start === undefined)
      throw new XenSymbolsError('the symbol file has no symbol _start; give the unstripped xen-syms');
    this.virtualStart = start - BigInt(linkBase);
  }

  has(name: string): boolean {
    return this.#table.address(name) !== undefined;
  }

  /** @throws XenSymbolsError */
  linear(name: string): bigint {
    const address = this.#table.address(name);
    if (address === undefined) throw new XenSymbolsError(`the symbol file has no symbol ${name}`);
    return address;
  }

  /** Link-time physical address of a symbol: Xen's `sym_offs()`. @throws XenSymbolsError */
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

export class XenSymbolsError extends Error {
  override readonly name = 'XenSymbolsError';
}
