/** Walks 4-level page tables in guest memory. Source: Intel SDM vol. 3A §4.5. */
import { ByteReader } from '../bits/byte-reader.ts';
import type { GuestView } from '../guest/guest-view.ts';

const PRESENT = 1n;
const PAGE_SIZE = 1n << 7n;
const ADDRESS = 0x000f_ffff_ffff_f000n;

/** @returns the physical address that `linear` is mapped to, or undefined where it is not mapped. */
export async function walkPageTables(
  guest: GuestView,
  cr3: bigint,
  linear: bigint,
): Promise<bigint | undefined> {
  let table = cr3 & ADDRESS;
  for (const shift of [39n, 30n, 21n, 12n]) {
    const index = (linear >> shift) & 511n;
    const entry = new ByteReader(
      await guest.readPhysical(Number(table + index * 8n), 8),
      'page table entry',
    ).u64(0);
    if ((entry & PRESENT) === 0n) return undefined;
    const offsetMask = (1n << shift) - 1n;
    const isLeaf = shift === 12n || ((entry & PAGE_SIZE) !== 0n && shift < 39n);
    if (isLeaf) return (entry & ADDRESS & ~offsetMask) | (linear & offsetMask);
    table = entry & ADDRESS;
  }
  return undefined;
}
