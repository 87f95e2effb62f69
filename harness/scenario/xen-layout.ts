/** Where a boot of Xen looks at the layout, and what Xen has come to own by then. */
import type { LoaderReport } from '../grub/console.ts';
import type { GuestView, MemoryView, Observation } from '../guest/guest-view.ts';
import { subtract, type Interval } from '../layout/interval.ts';
import { freeMemory, layoutMap, type LayoutMap } from '../layout/layout-map.ts';
import { checkModules, checkReadOnly } from '../subject/layout-checks.ts';
import type { LoadedSubject, SymbolisedSubject } from '../subject/loaded-subject.ts';
import { checkTrampolinePlace, padding } from '../xen/layout-checks.ts';
import { freeAtExit, trampolineParts } from '../xen/low-memory-parts.ts';
import { afterBootServices, reservedParts } from '../xen/reserved-memory.ts';
import { linkTimeRange, type LayoutOracle } from './layout-oracle.ts';

export async function layoutAtEntry(
  layout: LayoutOracle,
  guest: GuestView,
  subject: LoadedSubject,
  report: LoaderReport,
): Promise<Observation[]> {
  // Without symbols there is no later stop to compare at.
  const map = report.printedMap ?? report.memoryMap ?? [];
  const seen = await layout.atEntry(guest, subject, map, subject.symbols !== undefined);
  return [...seen, ...padding(subject, layout.entry)];
}

/** Xen is on its own page tables and has not begun to manage memory. */
export async function atStartXen(
  layout: LayoutOracle,
  guest: GuestView,
  subject: SymbolisedSubject,
): Promise<Observation[]> {
  const parts = await trampolineParts(guest, subject);
  const taken = await takenSince(guest, subject, layout.entry);
  return [
    checkTrampolinePlace(layout.entry, parts.at(-1)),
    await checkReadOnly(guest, subject),
    ...(await layout.later('__start_xen', guest, subject, { parts, taken })),
  ];
}

/** Xen has reserved all that it will: it, its modules and the crash kernel's area lie apart, and no module is changed. */
export async function whenReserved(
  layout: LayoutOracle,
  guest: GuestView,
  subject: SymbolisedSubject,
): Promise<Observation[]> {
  const { parts, contents } = await reservedParts(guest, subject);
  return [
    ...layout.mapped('memory reserved', layoutMap(afterBootServices(layout.entry.regions), parts)),
    ...(await checkModules(guest, subject, contents)),
  ];
}

/**
 * An early error comes before Xen manages memory: it must have written nowhere but to itself, its window below 1 MiB
 * and VGA text, which is no RAM.
 */
export async function inspectXenEnd(
  layout: LayoutOracle,
  guest: MemoryView,
  subject: LoadedSubject,
): Promise<Observation[]> {
  const { symbols } = subject;
  if (!layout.isPending || !symbols) return [];
  const symbolised = { ...subject, symbols };
  const taken = await takenSince(guest, symbolised, layout.entry);
  // The window is chosen on the way: an error before that has none.
  const window = await trampolineParts(guest, symbolised);
  const parts = window.filter(({ start }) => start > 0);
  return [
    await checkReadOnly(guest, symbolised),
    ...(await layout.later('its end', guest, subject, { parts, taken })),
  ];
}

/** Under UEFI Xen calls boot services after its entry, and what they use is the firmware's. */
async function takenSince(
  guest: MemoryView,
  subject: SymbolisedSubject,
  { regions }: LayoutMap,
): Promise<readonly Interval[]> {
  if (subject.entry !== 'efi64') return [];
  const whole = freeMemory(regions);
  // Without a map of the end of boot services only the link-time range is sure to be nobody's.
  const free = await freeAtExit(guest, subject).catch(() => [linkTimeRange(subject)]);
  return subtract(whole, free);
}
