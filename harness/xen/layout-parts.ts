/** What a boot of Xen has laid out in memory, read from the stopped guest: at the entry, and when Xen is on its own tables. */
import { alignUp, MIB } from '../bits/align.ts';
import { ByteReader } from '../bits/byte-reader.ts';
import { hex } from '../bits/hex.ts';
import type { Interval } from '../layout/interval.ts';
import type { Part } from '../layout/layout-map.ts';
import { findTags } from '../multiboot2/boot-information.ts';
import { parseMultiboot1Information } from '../multiboot2/multiboot1-information.ts';
import { readInformation } from './entry-checks.ts';
import { readU32, type GuestView } from './guest-view.ts';
import type { SymbolisedSubject, XenSubject } from './xen-subject.ts';

const PAGE = 4096;
/** Xen's trampoline and the stack above it share 64 KiB (TRAMPOLINE_SPACE, TRAMPOLINE_STACK_SPACE). */
const TRAMPOLINE_WINDOW = 0x10000;
/** Xen’s real-mode code reads each disk’s first sector to right below the trampoline (edd.S); our disks have 512 bytes a sector. */
const SECTOR_BUFFER = 512;

/** What the loader handed over. @throws BootInformationError and what readPhysical throws. */
export async function entryParts(guest: GuestView, subject: XenSubject): Promise<Part[]> {
  const address = Number(guest.registers.rbx & 0xffff_ffffn);
  const handedOver =
    subject.protocol === 'multiboot1'
      ? await multiboot1Parts(guest, address)
      : await multiboot2Parts(guest, address);
  return [imagePart(subject), ...handedOver, ...(await legacyParts(guest, subject))];
}

function imagePart({ loadBase, image }: XenSubject): Part {
  return { name: 'Xen', start: loadBase, end: loadBase + image.loaded.loadSize };
}

async function multiboot2Parts(guest: GuestView, address: number): Promise<Part[]> {
  const information = await readInformation(guest, address);
  return [
    { name: 'boot information', start: address, end: address + information.totalSize },
    ...findTags(information, 'module').map(({ start, end }, n) => ({ name: `module ${n}`, start, end })),
  ];
}

/** Source: Multiboot Specification 0.6.96 §3.3; GRUB puts the structure and all it points to into one chunk. */
async function multiboot1Parts(guest: GuestView, address: number): Promise<Part[]> {
  const {
    modulesCount = 0,
    modulesAddress,
    ...information
  } = parseMultiboot1Information(await guest.readPhysical(address, 116));
  const { commandLineAddress, bootLoaderNameAddress, mmap } = information;
  const pieces = [
    address + 116,
    ...[commandLineAddress, bootLoaderNameAddress].map((text) => (text ?? 0) + 512),
    (mmap?.address ?? 0) + (mmap?.sizeBytes ?? 0),
    (modulesAddress ?? 0) + 16 * modulesCount,
  ].filter((end) => end > address && end < address + MIB);
  const modules: Part[] = [];
  for (let n = 0; modulesAddress !== undefined && n < modulesCount; n++) {
    const entry = new ByteReader(await guest.readPhysical(modulesAddress + 16 * n, 8), `module ${n}`);
    modules.push({ name: `module ${n}`, start: entry.u32(0), end: entry.u32(4) });
  }
  // VBE and drive tables, which Xen does not look at, follow in the same chunk.
  return [
    { name: 'boot information', start: address, end: alignUp(Math.max(...pieces), PAGE) + PAGE },
    ...modules,
  ];
}

/** Real-mode vectors and the BIOS's data areas; under UEFI there is no BIOS, and 0x40e holds nothing. */
async function legacyParts(guest: GuestView, subject: XenSubject): Promise<Part[]> {
  if (subject.entry === 'efi64') return [];
  const first: Part = { name: 'real-mode vectors and BIOS data', start: 0, end: PAGE, home: 'any' };
  const extended = await extendedBiosData(guest);
  return extended ? [first, { name: 'EBDA', ...extended, home: 'any' }] : [first];
}

/** 0x40e holds the EBDA's segment, and on some machines garbage: Xen believes it from 0x4000 to 0x9fff only (head.S). */
async function extendedBiosData(guest: GuestView): Promise<Interval | undefined> {
  const segment = (await readU32(guest, 0x40c)) >>> 16;
  return segment >= 0x4000 && segment < 0xa000 ? { start: segment * 16, end: 0xa_0000 } : undefined;
}

/** The window that Xen's own low memory code may write, once trampoline_phys is set. */
export async function trampolineParts(guest: GuestView, subject: SymbolisedSubject): Promise<Part[]> {
  const { symbols, physicalStart } = subject;
  const start = await readU32(guest, symbols.linkTime('trampoline_phys') + physicalStart);
  const window: Part = { name: 'trampoline and low stack', start, end: start + TRAMPOLINE_WINDOW };
  const buffer: Part = { name: 'sector buffer', start: start - SECTOR_BUFFER, end: start };
  return start >= SECTOR_BUFFER && start < MIB && subject.entry !== 'efi64' ? [buffer, window] : [window];
}

const DIRECTMAP_START = 0xffff_8300_0000_0000n;
const EFI_FREE = new Set([1, 2, 7]);
const MAX_EFI_MAP_BYTES = 256 * 1024;

/**
 * Memory that UEFI called free (or its loader's) when boot services ended: what the firmware took for itself since GRUB
 * printed its map is not in it. Source: xen/common/efi/boot.c (efi_memmap), UEFI Specification 2.6 §6.2.
 * @throws where Xen has no such map.
 */
export async function freeAtExit(guest: GuestView, subject: SymbolisedSubject): Promise<Interval[]> {
  const { symbols, physicalStart } = subject;
  const value = async (name: string, sizeBytes: 4 | 8) => {
    const at = symbols.linkTime(name) + physicalStart;
    const reader = new ByteReader(await guest.readPhysical(at, sizeBytes), name);
    return sizeBytes === 8 ? reader.u64(0) : BigInt(reader.u32(0));
  };
  const pointer = await value('efi_memmap', 8);
  const address = Number(pointer >= DIRECTMAP_START ? pointer - DIRECTMAP_START : pointer);
  const [size, step] = [Number(await value('efi_memmap_size', 4)), Number(await value('efi_mdesc_size', 4))];
  if (address === 0 || size === 0 || size > MAX_EFI_MAP_BYTES || step < 40)
    throw new Error(`Xen kept no UEFI memory map (${hex(address)}, ${size} bytes, ${step} an entry)`);
  const map = new ByteReader(await guest.readPhysical(address, size), 'UEFI memory map');
  return Array.from({ length: Math.floor(size / step) }, (_, i) => i * step)
    .filter((at) => EFI_FREE.has(map.u32(at)))
    .map((at) => {
      const start = Number(map.u64(at + 8));
      return { start, end: start + Number(map.u64(at + 24)) * PAGE };
    });
}
