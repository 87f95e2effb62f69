/**
 * The layout of one instance's memory: a map of who owns what, and a watch on all that nobody owns, from the image's
 * first instruction to a later stop or to the end. docs/layout-oracle.md says what is not watched, and why.
 */
import { alignUp, MIB } from '../bits/align.ts';
import { hex } from '../bits/hex.ts';
import { MemoryWatch, type Damage } from '../boot/memory-watch.ts';
import type { MemoryRegion } from '../grub/memory-map.ts';
import { intersect, sizeOf, subtract, type Interval } from '../layout/interval.ts';
import { drawLayout, layoutMap, unowned, type LayoutMap, type Part } from '../layout/layout-map.ts';
import type { GuestView, MemoryView, Observation } from '../guest/guest-view.ts';
import {
  checkImageAtEntry,
  checkModules,
  checkPlaces,
  checkStack,
  symbolAt,
} from '../subject/layout-checks.ts';
import { entryParts } from '../subject/layout-parts.ts';
import type { LoadedSubject } from '../subject/loaded-subject.ts';

/** Memory that changed although nobody owned it. */
export interface NamedDamage extends Damage {
  /** What stands there in an image at its link base: an access that forgot the load base. */
  readonly symbol?: string;
}

/** Kept as layout.json. */
export interface LayoutRecord {
  readonly maps: Readonly<Record<string, LayoutMap>>;
  /** Compared later with what was there at the entry. */
  readonly watched: readonly Interval[];
  readonly damages: readonly NamedDamage[];
}

/** What has come to be owned since the entry. */
export interface LaterLayout {
  /** The subject's own. */
  readonly parts: readonly Part[];
  /** Whoever's: changes there are no damage. */
  readonly taken: readonly Interval[];
}

const NO_SHARED_RAM =
  'a watch on memory that nobody owns: this host has no memory file system (/dev/shm) with room for the machine’s RAM';

export class LayoutOracle implements Disposable {
  readonly #maps: Record<string, LayoutMap> = {};
  #watch: MemoryWatch | undefined;
  #compared = false;
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

  /** Whether what was laid at the entry still waits to be compared. */
  get isPending(): boolean {
    return this.#watch !== undefined && !this.#compared;
  }

  /** The map at the entry. @throws where the machine never came there. */
  get entry(): LayoutMap {
    const entry = this.#maps['entry'];
    if (!entry) throw new Error('the layout at the entry was not seen');
    return entry;
  }

  /** The last map, for a person. */
  draw(): string[] {
    const last = Object.entries(this.#maps).at(-1);
    return last ? [`memory at ${last[0]}:`, ...drawLayout(last[1])] : [];
  }

  /** A later map that has nothing of the entry's: its parts, and what is wrong with their places. */
  mapped(stop: string, map: LayoutMap): Observation[] {
    this.#maps[stop] = map;
    return checkPlaces(map);
  }

  /**
   * The machine stands at the image's first instruction.
   * @param watch whether something will compare later: memory that nobody owns then holds the pattern afterwards.
   */
  async atEntry(
    guest: GuestView,
    subject: LoadedSubject,
    memoryMap: readonly MemoryRegion[],
    watch: boolean,
  ): Promise<Observation[]> {
    const parts = await entryParts(guest, subject);
    const map = layoutMap(memoryMap, parts);
    this.#maps['entry'] = map;
    return [
      ...checkPlaces(map),
      await checkImageAtEntry(guest, subject),
      ...(await checkModules(guest, subject, parts)),
      ...checkStack(guest, subject),
      ...(watch ? await this.#lay(guest, subject, map) : []),
    ];
  }

  /** Some time later, with what the subject has taken since. @throws where the entry was not seen. */
  async later(
    stop: string,
    guest: MemoryView,
    subject: LoadedSubject,
    { parts, taken }: LaterLayout,
  ): Promise<Observation[]> {
    const { entry } = this;
    const map = layoutMap(entry.regions, [...entry.parts, ...parts]);
    return [
      ...this.mapped(stop, map),
      ...(await checkModules(guest, subject, entry.parts)),
      ...(await this.#compare(subject, [...map.parts, ...taken])),
    ];
  }

  /** Nothing is compared any more. */
  [Symbol.dispose](): void {
    this.#watch?.[Symbol.dispose]();
  }

  async #lay(guest: GuestView, subject: LoadedSubject, map: LayoutMap): Promise<Observation[]> {
    this.#isShared = guest.ram !== undefined;
    if (!guest.ram || map.regions.length === 0) return [];
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

  async #compare(subject: LoadedSubject, owned: readonly Interval[]): Promise<Observation[]> {
    if (!this.#watch) return [];
    this.#compared = true;
    const watch = this.#watch;
    const found = await watch.compare(owned);
    this.#damages = found.map((damage) => ({ ...damage, ...named(subject, damage) }));
    const watchedMib = Math.round(sizeOf(subtract(watch.watched, owned)) / MIB);
    if (found.length === 0) return [{ ok: true, text: `${watchedMib} MiB that nobody owns are untouched` }];
    return this.#damages.map((damage) => ({ ok: false, text: damageText(damage) }));
  }
}

/** Where the image would lie had it not been moved. */
export function linkTimeRange({ image }: LoadedSubject): Interval {
  const { linkBase, loadSize } = image.loaded;
  return { start: linkBase, end: linkBase + alignUp(loadSize, 2 * MIB) };
}

function named(subject: LoadedSubject, { start }: Damage): Pick<NamedDamage, 'symbol'> {
  const symbol = symbolAt(subject, start);
  return symbol === undefined ? {} : { symbol };
}

export function damageText({ start, end, before, after, symbol }: NamedDamage): string {
  const where = symbol === undefined ? '' : `, where an image at its link base has ${symbol}`;
  const more = end - start > 8 ? '…' : '';
  return `${end - start} bytes at ${hex(start)}${where}: ${before}${more} became ${after}${more}`;
}
