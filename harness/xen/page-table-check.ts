/** The prebuilt page tables after the loop that relocates them (case (c) of DESIGN). Source: head.S, x86_64.S. */
import { ByteReader } from '../bits/byte-reader.ts';
import { hex } from '../bits/hex.ts';
import { holds, type GuestView, type Observation } from '../guest/guest-view.ts';
import type { ImageSymbols } from '../subject/image-symbols.ts';
import type { SymbolisedSubject } from '../subject/loaded-subject.ts';

const PTE_PRESENT = 1n;

/** Each present entry of the prebuilt page tables = its link-time value + xen_phys_start; absent ones are untouched. */
export async function checkPageTables(guest: GuestView, subject: SymbolisedSubject): Promise<Observation[]> {
  const { symbols, physicalStart } = subject;
  const start = symbols.linear('__page_tables_start');
  const size = Number(symbols.linear('__page_tables_end') - start);
  const linkTime = symbols.bytes(start, size);
  if (!linkTime || size <= 0) return [{ ok: false, text: 'the symbol file holds no prebuilt page tables' }];
  const built = new ByteReader(linkTime, 'prebuilt page tables');
  const seen = new ByteReader(
    await guest.readPhysical(symbols.linkTime('__page_tables_start') + physicalStart, size),
    'page tables',
  );
  let present = 0;
  const wrong: string[] = [];
  for (let offset = 0; offset + 8 <= size; offset += 8) {
    const before = built.u64(offset);
    const isPresent = (before & PTE_PRESENT) !== 0n;
    if (isPresent) present++;
    const wanted = isPresent ? before + BigInt(physicalStart) : before;
    if (seen.u64(offset) !== wanted)
      wrong.push(describeEntry(symbols, start + BigInt(offset), seen.u64(offset), wanted));
  }
  return [
    holds(
      present > 0,
      `${present} present entries in ${size / 4096} prebuilt tables`,
      'no entry of the prebuilt page tables is present',
    ),
    holds(
      wrong.length === 0,
      `each is its link-time value + ${hex(physicalStart)}, the others untouched`,
      `${wrong.length} entries are wrong: ${wrong.slice(0, 3).join('; ')}`,
    ),
  ];
}

function describeEntry(symbols: ImageSymbols, linear: bigint, seen: bigint, wanted: bigint): string {
  const near = symbols.nearest(linear);
  const name = near ? `${near.name}[${near.offset / 8n}]` : hex(linear, 16);
  return `${name} is ${hex(seen, 16)}, not ${hex(wanted, 16)}`;
}
