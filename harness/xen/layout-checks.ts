/** Invariants about the memory that Xen takes beside its image (docs/layout-oracle.md). */
import { alignUp, isAligned, MIB } from '../bits/align.ts';
import { ByteReader } from '../bits/byte-reader.ts';
import { hex } from '../bits/hex.ts';
import { rangeText, subtract } from '../layout/interval.ts';
import { freeMemory, type LayoutMap, type Part } from '../layout/layout-map.ts';
import { holds, type GuestView, type Observation } from '../guest/guest-view.ts';
import type { LoadedSubject } from '../subject/loaded-subject.ts';

const PAGE = 4096;
/** Xen maps itself with 2 MiB pages. */
const SUPERPAGE = 2 * MIB;

/** Xen before 4fb075201f (4.21) maps its padding to 2 MiB as if it were RAM: told, and not held against this boot. */
export function padding({ loadBase, image }: LoadedSubject, map: LayoutMap): Observation[] {
  const end = loadBase + image.loaded.loadSize;
  const [outside] = subtract([{ start: end, end: alignUp(end, SUPERPAGE) }], freeMemory(map.regions));
  return outside
    ? [{ ok: true, text: `note: Xen's padding to 2 MiB covers ${rangeText(outside)}, which is no free RAM` }]
    : [];
}

/** 46fce9fd2b, 5e5e2d2a34: page aligned, below base memory and the EBDA, whatever 0x40e says. */
export async function checkTrampolinePlace(
  guest: GuestView,
  trampoline: Part | undefined,
): Promise<Observation> {
  if (!trampoline) return { ok: false, text: 'no trampoline is known' };
  const baseKib = new ByteReader(await guest.readPhysical(0x413, 2), 'base memory').u16(0);
  const limit = baseKib >= 256 && baseKib <= 640 ? baseKib * 1024 : 0xa_0000;
  return holds(
    isAligned(trampoline.start, PAGE) && trampoline.start > 0 && trampoline.end <= limit,
    `the trampoline's window ${rangeText(trampoline)} is page aligned and ends below ${hex(limit)}`,
    `the trampoline's window ${rangeText(trampoline)} is not page aligned below ${hex(limit)}`,
  );
}
