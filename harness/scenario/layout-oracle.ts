/**
 * The layout of one instance's memory: a map of who owns what, and a watch on all that nobody owns, from the image's
 * first instruction to `__start_xen`. docs/layout-oracle.md says what is not watched, and why.
 */
import { alignUp, MIB } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import { MemoryWatch, type Damage } from '../boot/memory-watch.ts';
import type { MemoryRegion } from '../grub/memory-map.ts';
import { intersect, sizeOf, subtract, type Interval } from '../layout/interval.ts';
import { drawLayout, freeMemory, layoutMap, unowned, type LayoutMap } from '../layout/layout-map.ts';
import type { GuestView, Observation } from '../xen/guest-view.ts';
import {
  checkImageAtEntry,
  checkModules,
  checkPlaces,
  checkReadOnly,
  checkStack,
  checkTrampolinePlace,
  padding,
  symbolAt,
} from '../xen/layout-checks.ts';
import { entryParts, freeAtExit, trampolineParts } from '../xen/layout-parts.ts';
import type { SymbolisedSubject, XenSubject } from '../xen/xen-subject.ts';

/** Memory that changed although nobody owned it. */
export interface NamedDamage extends Damage {
  /** What stands there in an image at its link base: an access that forgot the load base. */
  readonly symbol?: string;
}

/** Kept as layout.json. */
export interface LayoutRecord {
  readonly maps: Readonly<Record<string, LayoutMap>>;
  /** Compared at `__start_xen` with what was there at the entry. */
  readonly watched: readonly Interval[];
  readonly damages: readonly NamedDamage[];
}

const NO_SHARED_RAM =
  'a watch on memory that nobody owns: this host has no memory file system (/dev/shm) with room for the machine’s RAM';

export class LayoutOracle {
  readonly #maps: Record<string, LayoutMap> = {};
  #watch: MemoryWatch | undefined;
  #damages: readonly NamedDamage[] = [];
  #isShared = true;

  /** undefined: the machine never came to the image's first instruction. */
  get record(): LayoutRecord | undefined {
    if (Object.keys(this.#maps).length === 0) return undefined;
    return { maps: this.#maps, watched: this.#watch?.watched ?? [], damages: this.#damages };
  }

  get notPossible(): readonly string[] {
    return this.#isShared ? [] : [NO_SHARED_RAM];
  }

  /** The last map, for a person. */
  draw(): string[] {
    const last = Object.entries(this.#maps).at(-1);
    return last ? [`memory at ${last[0]}:`, ...drawLayout(last[1])] : [];
  }

  /** The machine stands at the image's first instruction; afterwards memory that nobody owns holds the pattern. */
  async atEntry(
    guest: GuestView,
    subject: XenSubject,
    memoryMap: readonly MemoryRegion[],
  ): Promise<Observation[]> {
    const parts = await entryParts(guest, subject);
    const map = layoutMap(memoryMap, parts);
    this.#maps['entry'] = map;
    return [
      ...checkPlaces(map),
      ...padding(subject, map),
      await checkImageAtEntry(guest, subject),
      ...(await checkModules(guest, subject, parts)),
      ...checkStack(guest, subject),
      ...(await this.#lay(guest, subject, map)),
    ];
  }

  /** Xen is on its own page tables and has not begun to manage memory. */
  async atStartXen(guest: GuestView, subject: SymbolisedSubject): Promise<Observation[]> {
    const entry = this.#maps['entry'];
    if (!entry) return [{ ok: false, text: 'the layout at the entry was not seen' }];
    const low = await trampolineParts(guest, subject);
    const map = layoutMap(entry.regions, [...entry.parts, ...low]);
    this.#maps['__start_xen'] = map;
    return [
      ...checkPlaces(map),
      await checkTrampolinePlace(guest, low.at(-1)),
      await checkReadOnly(guest, subject),
      ...(await checkModules(guest, subject, entry.parts)),
      ...(await this.#compare(guest, subject, map)),
    ];
  }

  async #lay(guest: GuestView, subject: XenSubject, map: LayoutMap): Promise<Observation[]> {
    this.#isShared = guest.ram !== undefined;
    // Without symbols there is no later stop to compare at.
    if (!guest.ram || !subject.symbols || map.regions.length === 0) return [];
    const nobodys = unowned(map);
    const always = intersect([linkTimeRange(subject)], nobodys);
    // Under UEFI the firmware may have taken some of it since GRUB printed the map: destroying that is not ours.
    const [free, kept] = subject.entry === 'efi64' ? [[], nobodys] : [nobodys, []];
    this.#watch = await MemoryWatch.lay(guest.ram, { always, free, kept });
    return this.#watch.left.map((left) => ({
      ok: true,
      text: `note: ${hex(left.start)}–${hex(left.end - 1)} is too much to be watched`,
    }));
  }

  async #compare(guest: GuestView, subject: SymbolisedSubject, map: LayoutMap): Promise<Observation[]> {
    if (!this.#watch) return [];
    const taken = await takenSince(guest, subject, map);
    const found = await this.#watch.compare([...map.parts, ...taken]);
    this.#damages = found.map((damage) => ({ ...damage, ...named(subject, damage) }));
    const watchedMib = Math.round(sizeOf(subtract(this.#watch.watched, [...map.parts, ...taken])) / MIB);
    if (found.length === 0) return [{ ok: true, text: `${watchedMib} MiB that nobody owns are untouched` }];
    return this.#damages.map((damage) => ({ ok: false, text: damageText(damage) }));
  }
}

function linkTimeRange({ image }: XenSubject): Interval {
  const { linkBase, loadSize } = image.loaded;
  return { start: linkBase, end: linkBase + alignUp(loadSize, 2 * MIB) };
}

/** Under UEFI Xen calls boot services after its entry, and what they use is the firmware's. */
async function takenSince(
  guest: GuestView,
  subject: SymbolisedSubject,
  map: LayoutMap,
): Promise<readonly Interval[]> {
  if (subject.entry !== 'efi64') return [];
  const whole = freeMemory(map.regions);
  // Without a map of the end of boot services only the link-time range is sure to be nobody's.
  const free = await freeAtExit(guest, subject).catch(() => [linkTimeRange(subject)]);
  return subtract(whole, free);
}

function named(subject: XenSubject, { start }: Damage): Pick<NamedDamage, 'symbol'> {
  const symbol = symbolAt(subject, start);
  return symbol === undefined ? {} : { symbol };
}

export function damageText({ start, end, before, after, symbol }: NamedDamage): string {
  const where = symbol === undefined ? '' : `, where an image at its link base has ${symbol}`;
  const more = end - start > 8 ? '…' : '';
  return `${end - start} bytes at ${hex(start)}${where}: ${before}${more} became ${after}${more}`;
}
