/**
 * A linked Xen, read to find where to break it. What is broken is found by what it does, as
 * harness/xen/checkpoint-addresses.ts finds its checkpoints, so another compiler's Xen can be broken, too.
 */
import { type ElfImage, loadSegments, parseElf } from '../elf/elf-image.ts';
import type { Multiboot2Header } from '../multiboot2/image-header.ts';
import type { Disassembler } from '../x86/disassembler.ts';
import type { Instruction } from '../x86/instruction.ts';
import { parseBootImage } from '../subject/boot-image.ts';
import { ImageSymbols } from '../subject/image-symbols.ts';

/** The instruction or text that a defect changes is not in this Xen. */
export class SabotageImpossibleError extends Error {
  override readonly name = 'SabotageImpossibleError';
  constructor(what: string) {
    super(`this Xen cannot be broken so: there is no ${what}; adapt the defect in harness/sabotage/`);
  }
}

/** Bytes to stand at a link-time physical address of the image instead of those that are there. */
export interface Patch {
  readonly linkTime: number;
  readonly bytes: Uint8Array;
}

/** Addresses are link-time physical ones. */
export interface XenReader {
  readonly header: Multiboot2Header;
  /** From a symbol on, decoded: the first kilobyte, or as much as `sizeBytes` says. */
  code(symbol: string, bitness?: 32 | 64, sizeBytes?: number): readonly Instruction[];
  linkTime(symbol: string): number;
  /** Its virtual address. */
  linear(symbol: string): bigint;
  /** Where `text` stands in the image. */
  linkTimeOf(text: string): number;
  /** Where a byte of the image's file is loaded. */
  linkTimeAt(fileOffset: number): number;
  bytes(linkTime: number, sizeBytes: number): Uint8Array;
}

/** Image (unpacked) and symbol file, as bytes. */
export interface XenBytes {
  readonly image: Uint8Array;
  readonly symbols: Uint8Array;
}

const CODE_BYTES = 1024;

/** @throws what parseBootImage and ImageSymbols throw. */
export function xenReader(files: XenBytes, disassembler: Disassembler): XenReader {
  const boot = parseBootImage(files.image);
  const table = new ImageSymbols(files.symbols, boot.loaded.linkBase);
  const bytes = (linkTime: number, sizeBytes: number) =>
    table.bytes(BigInt(linkTime) + table.virtualStart, sizeBytes) ?? new Uint8Array();
  const linkTimeAt = (offset: number): number => {
    const segment = boot.loaded.segments.find((s) => offset >= s.offset && offset < s.offset + s.filesz);
    if (!segment) throw new SabotageImpossibleError(`segment with file offset ${offset}`);
    return Number(segment.vaddr) + offset - segment.offset;
  };
  return {
    header: boot.header,
    linkTime: (symbol) => table.linkTime(symbol),
    linear: (symbol) => table.linear(symbol),
    code: (symbol, bitness = 32, sizeBytes = CODE_BYTES) =>
      disassembler.decode(bytes(table.linkTime(symbol), sizeBytes), {
        bitness,
        address: BigInt(table.linkTime(symbol)),
      }),
    linkTimeOf: (text) => {
      const offset = Buffer.from(boot.bytes.buffer, boot.bytes.byteOffset, boot.bytes.length).indexOf(text);
      if (offset < 0) throw new SabotageImpossibleError(`text “${text}”`);
      return linkTimeAt(offset);
    },
    linkTimeAt,
    bytes,
  };
}

/** Copies of both files with the patches in them. @throws what parseBootImage and ImageSymbols throw. */
export function patched(files: XenBytes, patches: readonly Patch[]): XenBytes {
  const boot = parseBootImage(files.image);
  const { virtualStart } = new ImageSymbols(files.symbols, boot.loaded.linkBase);
  const image = Uint8Array.from(boot.bytes);
  const symbols = Uint8Array.from(files.symbols);
  const [imageFile, symbolFile] = [parseElf(image), parseElf(symbols)];
  for (const { linkTime, bytes } of patches) {
    image.set(bytes, fileOffset(imageFile, BigInt(linkTime)));
    symbols.set(bytes, fileOffset(symbolFile, BigInt(linkTime) + virtualStart));
  }
  return { image, symbols };
}

function fileOffset(elf: ElfImage, vaddr: bigint): number {
  const segment = loadSegments(elf).find((s) => vaddr >= s.vaddr && vaddr < s.vaddr + BigInt(s.filesz));
  if (!segment) throw new SabotageImpossibleError(`segment at 0x${vaddr.toString(16)}`);
  return segment.offset + Number(vaddr - segment.vaddr);
}
