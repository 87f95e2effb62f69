/** What Xen's own early boot takes of memory beside the image, read when it is on its own page tables. */
import { MIB } from '../bits/align.ts';
import { ByteReader } from '../bits/byte-reader.ts';
import { hex } from '../bits/hex.ts';
import type { Interval } from '../layout/interval.ts';
import type { Part } from '../layout/layout-map.ts';
import { readU32, type MemoryView } from '../guest/guest-view.ts';
import type { SymbolisedSubject } from '../subject/loaded-subject.ts';

const PAGE = 4096;
/** Xen's trampoline and the stack above it share 64 KiB (TRAMPOLINE_SPACE, TRAMPOLINE_STACK_SPACE). */
const TRAMPOLINE_WINDOW = 0x10000;
/** Xen’s real-mode code reads each disk’s first sector to right below the trampoline (edd.S); our disks have 512 bytes a sector. */
const SECTOR_BUFFER = 512;

/** The window that Xen's own low memory code may write, once trampoline_phys is set. */
export async function trampolineParts(guest: MemoryView, subject: SymbolisedSubject): Promise<Part[]> {
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
export async function freeAtExit(guest: MemoryView, subject: SymbolisedSubject): Promise<Interval[]> {
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
