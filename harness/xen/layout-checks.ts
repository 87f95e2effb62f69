/** Invariants about the memory that Xen takes beside its image (docs/layout-oracle.md). */
import { alignUp, isAligned, MIB } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import { intersect, rangeText, subtract } from '../layout/interval.ts';
import { freeMemory, type LayoutMap, type Part } from '../layout/layout-map.ts';
import { holds, type Observation } from '../guest/guest-view.ts';
import type { LoadedSubject } from '../subject/loaded-subject.ts';

const PAGE = 4096;
/** Xen maps itself with 2 MiB pages. */
const SUPERPAGE = 2 * MIB;

type Regions = Pick<LayoutMap, 'regions'>;

/** 4fb075201f (4.21): before it, Xen maps its padding to 2 MiB as if it were RAM, whatever it is. */
export function checkPadding({ loadBase, image }: LoadedSubject, { regions }: Regions): Observation[] {
  const end = loadBase + image.loaded.loadSize;
  const [outside] = subtract([{ start: end, end: alignUp(end, SUPERPAGE) }], freeMemory(regions));
  return [
    holds(
      outside === undefined,
      "Xen's padding to 2 MiB is free RAM, or there is none",
      `Xen's padding to 2 MiB covers ${outside ? rangeText(outside) : ''}, which is no free RAM`,
    ),
  ];
}

/** The same as a remark, where it is not what a boot is about. */
export function padding(subject: LoadedSubject, map: Regions): Observation[] {
  return checkPadding(subject, map).flatMap(({ ok, text }) =>
    ok ? [] : [{ ok: true, text: `note: ${text}` }],
  );
}

/** Where VGA begins; base memory may end before. */
const CONVENTIONAL_END = 0xa_0000;

/**
 * 46fce9fd2b, 5e5e2d2a34: page aligned, below the end of base memory, whatever the BIOS's own data say at 0x40e and 0x413.
 * @param map the firmware's; where it is empty, nobody knows of an end before VGA.
 */
export function checkTrampolinePlace({ regions }: Regions, trampoline: Part | undefined): Observation {
  if (!trampoline) return { ok: false, text: 'no trampoline is known' };
  const conventional = intersect(freeMemory(regions), [{ start: 0, end: CONVENTIONAL_END }]);
  const limit = conventional.at(-1)?.end ?? CONVENTIONAL_END;
  return holds(
    isAligned(trampoline.start, PAGE) && trampoline.start > 0 && trampoline.end <= limit,
    `the trampoline's window ${rangeText(trampoline)} is page aligned and ends below ${hex(limit)}`,
    `the trampoline's window ${rangeText(trampoline)} is not page aligned below ${hex(limit)}`,
  );
}
