/**
 * Page tables as OVMF builds them: below 4 GiB four page directories in a row map all of it 1:1 with large pages
 * (EDK II, UefiCpuPkg's and MdeModulePkg's DxeIpl VirtualMemory.c; layout of entries: SDM 3A §4.5).
 */
import { alignDown, GIB, MIB } from '../bits/align.ts';
import type { MemoryRun } from '../trace/record.ts';
import { PAGE_BYTES, type PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { isKnown } from './known-memory.ts';
import type { MachineProfile } from './machine-profile.ts';

const LARGE_PAGE_BYTES = 2 * MIB;
const ENTRY_BYTES = 8;
const ENTRIES = PAGE_BYTES / ENTRY_BYTES;
const [PRESENT, WRITABLE, ACCESSED, DIRTY, LARGE] = [1n, 2n, 0x20n, 0x40n, 0x80n];
const ADDRESS = 0x000f_ffff_ffff_f000n;

export type IdentityMap = NonNullable<MachineProfile['identityMap']>;

/** Entries that nobody said anything of map 1:1, not used yet; also those of 4 KiB pages, where a large one was split. */
export function fillIdentityMap({ pointerTable, directories }: IdentityMap, memory: PhysicalMemory): void {
  directories.forEach((directory, gib) => {
    fillEntry(memory, pointerTable + gib * ENTRY_BYTES, BigInt(directory) | PRESENT | WRITABLE);
    for (let index = 0; index < ENTRIES; index++) {
      const [at, page] = [directory + index * ENTRY_BYTES, gib * GIB + index * LARGE_PAGE_BYTES];
      const entry = fillEntry(memory, at, BigInt(page) | PRESENT | WRITABLE | LARGE);
      if ((entry & PRESENT) !== 0n && (entry & LARGE) === 0n)
        fillSplit(memory, Number(entry & ADDRESS), page);
    }
  });
}

function fillSplit(memory: PhysicalMemory, table: number, page: number): void {
  for (let index = 0; index < ENTRIES; index++)
    fillEntry(memory, table + index * ENTRY_BYTES, BigInt(page + index * PAGE_BYTES) | PRESENT | WRITABLE);
}

/** @returns the entry that stands there now */
function fillEntry(memory: PhysicalMemory, at: number, entry: bigint): bigint {
  if (isKnown(memory, at)) return readEntry(memory, at);
  memory.load(at, entryBytes(entry));
  return entry;
}

/** GRUB has copied the image there: entries that are then marked as accessed and dirty, as they stand in memory. */
export function writtenMarks(
  { pointerTable, directories }: IdentityMap,
  memory: PhysicalMemory,
  { address, sizeBytes }: { readonly address: number; readonly sizeBytes: number },
): MemoryRun[] {
  const marks: MemoryRun[] = [];
  const mark = (at: number, flags: bigint): void => {
    marks.push({ address: at, bytes: entryBytes(readEntry(memory, at) | flags) });
  };
  for (
    let page = alignDown(address, LARGE_PAGE_BYTES);
    page < address + sizeBytes;
    page += LARGE_PAGE_BYTES
  ) {
    const gib = Math.floor(page / GIB);
    const directory = directories[gib];
    if (directory === undefined) break;
    mark(pointerTable + gib * ENTRY_BYTES, ACCESSED);
    mark(directory + ((page % GIB) / LARGE_PAGE_BYTES) * ENTRY_BYTES, ACCESSED | DIRTY);
  }
  return marks;
}

/**
 * Where the page directories are: those that are known must stand in a row.
 * @returns undefined where the tables are other than OVMF's
 */
export function identityMapAt(cr3: number, memory: PhysicalMemory): IdentityMap | undefined {
  if (!isKnown(memory, cr3)) return undefined;
  const pointerTable = Number(readEntry(memory, cr3) & ADDRESS);
  if (!isKnown(memory, pointerTable)) return undefined;
  const first = Number(readEntry(memory, pointerTable) & ADDRESS);
  const directories = [0, 1, 2, 3].map((gib) => first + gib * PAGE_BYTES);
  const isInRow = directories.every((directory, gib) => {
    const at = pointerTable + gib * ENTRY_BYTES;
    return !isKnown(memory, at) || Number(readEntry(memory, at) & ADDRESS) === directory;
  });
  return isInRow ? { pointerTable, directories } : undefined;
}

/** The same runs, without the marks that copying an image to a place has left. */
export function withoutMarks(
  map: IdentityMap,
  runs: readonly MemoryRun[],
  image: { readonly address: number; readonly sizeBytes: number },
): MemoryRun[] {
  const marked = new Set<number>();
  for (
    let page = alignDown(image.address, LARGE_PAGE_BYTES);
    page < image.address + image.sizeBytes;
    page += LARGE_PAGE_BYTES
  )
    marked.add(map.directories[Math.floor(page / GIB)]! + ((page % GIB) / LARGE_PAGE_BYTES) * ENTRY_BYTES);
  return runs.map(({ address, bytes }) => ({
    address,
    bytes: bytes.map((byte, index) =>
      marked.has(address + index) ? byte & ~Number(ACCESSED | DIRTY) : byte,
    ),
  }));
}

function readEntry(memory: PhysicalMemory, at: number): bigint {
  return Buffer.from(memory.read(at, ENTRY_BYTES)).readBigUInt64LE();
}

function entryBytes(entry: bigint): Uint8Array {
  const bytes = Buffer.alloc(ENTRY_BYTES);
  bytes.writeBigUInt64LE(entry);
  return bytes;
}
