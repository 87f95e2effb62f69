/** The table of boot information tags by type number: smallest size, and how to read one. */
import { ByteReader } from '../bits/byte-reader.ts';
import {
  type BootInformationFields,
  type EfiMemoryDescriptor,
  type FramebufferColours,
  type MemoryMapEntry,
} from './boot-information-tags.ts';

/** A tag's bytes, its own type and size included. */
type ParseTag = (tag: ByteReader) => BootInformationFields;

export interface BootInformationLayout {
  readonly minimumSize: number;
  /** @throws TagContentError, TruncatedError */
  readonly parse: ParseTag;
}

/** The contents of a tag contradict its size. Rewritten with the tag's place by the parser. */
export class TagContentError extends Error {
  override readonly name = 'TagContentError';
}

const layout = (minimumSize: number, parse: ParseTag): BootInformationLayout => ({ minimumSize, parse });
const rest = (tag: ByteReader, from: number): Uint8Array => tag.slice(from, tag.length - from);

const MEMORY_MAP_ENTRY_SIZE = 24;
/** UEFI Specification 2.6 §6.2: later versions may only lengthen it. */
const EFI_DESCRIPTOR_SIZE = 40;

export const BOOT_INFORMATION_LAYOUTS: Readonly<Record<number, BootInformationLayout>> = {
  0: layout(8, () => ({ type: 'end' })),
  1: layout(8, (tag) => ({ type: 'commandLine', commandLine: text(tag, 8) })),
  2: layout(8, (tag) => ({ type: 'bootLoaderName', name: text(tag, 8) })),
  3: layout(16, (tag) => ({
    type: 'module',
    start: tag.u32(8),
    end: tag.u32(12),
    commandLine: text(tag, 16),
  })),
  4: layout(16, (tag) => ({ type: 'basicMemory', lowerKib: tag.u32(8), upperKib: tag.u32(12) })),
  5: layout(20, (tag) => ({
    type: 'bootDevice',
    biosDevice: tag.u32(8),
    partition: tag.u32(12),
    subPartition: tag.u32(16),
  })),
  6: layout(16, (tag) => ({
    type: 'memoryMap',
    entrySize: tag.u32(8),
    entryVersion: tag.u32(12),
    entries: entries(tag, tag.u32(8), MEMORY_MAP_ENTRY_SIZE, 'memory map entry').map(memoryMapEntry),
  })),
  7: layout(784, (tag) => ({
    type: 'vbe',
    mode: tag.u16(8),
    interfaceSegment: tag.u16(10),
    interfaceOffset: tag.u16(12),
    interfaceLength: tag.u16(14),
    controlInfo: tag.slice(16, 512),
    modeInfo: tag.slice(528, 256),
  })),
  8: layout(32, (tag) => ({
    type: 'framebuffer',
    address: tag.u64(8),
    pitch: tag.u32(16),
    width: tag.u32(20),
    height: tag.u32(24),
    bitsPerPixel: tag.u8(28),
    colours: framebufferColours(tag),
  })),
  // The specification's text has four u16 here; its multiboot2.h, and so every loader, has three u32.
  9: layout(20, (tag) => ({
    type: 'elfSections',
    count: tag.u32(8),
    entrySize: tag.u32(12),
    namesIndex: tag.u32(16),
    headers: rest(tag, 20),
  })),
  10: layout(28, (tag) => ({
    type: 'apm',
    version: tag.u16(8),
    codeSegment: tag.u16(10),
    offset32: tag.u32(12),
    codeSegment16: tag.u16(16),
    dataSegment: tag.u16(18),
    flags: tag.u16(20),
    codeSegmentLength: tag.u16(22),
    codeSegment16Length: tag.u16(24),
    dataSegmentLength: tag.u16(26),
  })),
  11: layout(12, (tag) => ({ type: 'efi32SystemTable', pointer: tag.u32(8) })),
  12: layout(16, (tag) => ({ type: 'efi64SystemTable', pointer: tag.u64(8) })),
  13: layout(16, (tag) => ({ type: 'smbios', major: tag.u8(8), minor: tag.u8(9), tables: rest(tag, 16) })),
  14: layout(8, (tag) => ({ type: 'acpiOld', rsdp: rest(tag, 8) })),
  15: layout(8, (tag) => ({ type: 'acpiNew', rsdp: rest(tag, 8) })),
  16: layout(8, (tag) => ({ type: 'network', dhcpAck: rest(tag, 8) })),
  17: layout(16, (tag) => ({
    type: 'efiMemoryMap',
    descriptorSize: tag.u32(8),
    descriptorVersion: tag.u32(12),
    descriptors: entries(tag, tag.u32(8), EFI_DESCRIPTOR_SIZE, 'EFI memory descriptor').map(
      efiMemoryDescriptor,
    ),
  })),
  18: layout(8, () => ({ type: 'efiBootServicesNotTerminated' })),
  19: layout(12, (tag) => ({ type: 'efi32ImageHandle', pointer: tag.u32(8) })),
  20: layout(16, (tag) => ({ type: 'efi64ImageHandle', pointer: tag.u64(8) })),
  21: layout(12, (tag) => ({ type: 'loadBaseAddress', address: tag.u32(8) })),
};

/** UTF-8 up to a NUL or the tag's end. */
function text(tag: ByteReader, from: number): string {
  const bytes = rest(tag, from);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** A reader for each entry of the array that fills a tag from byte 16 on. */
function entries(tag: ByteReader, entrySize: number, minimumSize: number, what: string): ByteReader[] {
  if (entrySize < minimumSize)
    throw new TagContentError(`a ${what} of ${entrySize} bytes; ${minimumSize} are needed`);
  const sizeBytes = tag.length - 16;
  if (sizeBytes % entrySize !== 0)
    throw new TagContentError(`${sizeBytes} bytes are no whole number of ${entrySize}-byte entries`);
  return Array.from(
    { length: sizeBytes / entrySize },
    (_, index) => new ByteReader(tag.slice(16 + index * entrySize, entrySize), what),
  );
}

function memoryMapEntry(entry: ByteReader): MemoryMapEntry {
  return { base: entry.u64(0), length: entry.u64(8), type: entry.u32(16) };
}

function efiMemoryDescriptor(entry: ByteReader): EfiMemoryDescriptor {
  return {
    type: entry.u32(0),
    physicalStart: entry.u64(8),
    virtualStart: entry.u64(16),
    pages: entry.u64(24),
    attribute: entry.u64(32),
  };
}

/** Two reserved bytes precede the colours in multiboot2.h (one in the text), and the palette's count has 16 bits (32). */
function framebufferColours(tag: ByteReader): FramebufferColours {
  const typeNumber = tag.u8(29);
  const field = (at: number): { position: number; size: number } => ({
    position: tag.u8(at),
    size: tag.u8(at + 1),
  });
  switch (typeNumber) {
    case 0:
      return {
        kind: 'indexed',
        palette: Array.from({ length: tag.u16(32) }, (_, index) => {
          const [red, green, blue] = tag.slice(34 + index * 3, 3);
          return [red ?? 0, green ?? 0, blue ?? 0] as const;
        }),
      };
    case 1:
      return { kind: 'rgb', red: field(32), green: field(34), blue: field(36) };
    case 2:
      return { kind: 'egaText' };
    default:
      return { kind: 'unknown', typeNumber };
  }
}
