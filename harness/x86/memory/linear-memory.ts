/**
 * Linear memory as instructions see it: translation, rights, A20, page borders. What was translated once is found again in a
 * table like a CPU's TLB; only pages that nobody needs to be told about get into it, so the usual access is two comparisons.
 * Linear addresses are two words, low and high; 64-bit values are a low word and {@link LinearMemory.high}.
 */
import { A20, CR2 } from '../state/state-layout.ts';
import { generalProtection, GuestFault, VECTOR } from '../execute/guest-fault.ts';
import { copyElements, fillElements, storeElement } from './elements.ts';
import { requireKnown } from './known-bytes.ts';
import { type Access, PageFault, translate } from './paging.ts';
import { readAcross, writeAcross } from './across-pages.ts';
import { pieces } from './pieces.ts';
import { largePage, type LargePages, noLargePages } from './large-pages.ts';
import { SLOTS, TranslationCache } from './translation-cache.ts';
import {
  isPlain,
  isReadPlain,
  PAGE_BYTES,
  type PhysicalMemory,
  type PhysicalPage,
  WATCH,
  written,
} from './physical-memory.ts';
import { tableMemory } from './table-memory.ts';
import type { Tell, Watcher } from './watcher.ts';

const A20_FRAME_BIT = 0x100;
const WATCH_OF = { ...WATCH, walk: WATCH.read } as const;

export class LinearMemory {
  /** High word of what was read last with {@link read64}. */
  high = 0;
  /** At ring 3; the owner keeps it and calls {@link flush} where it changes. */
  isUser = false;
  /** Counts flushes: whoever keeps what depends on translation looks here. */
  epoch = 0;
  /** Of pages that are watched; undefined: nobody. */
  watcher: Watcher | undefined = undefined;
  readonly #reads = new TranslationCache();
  readonly #writes = new TranslationCache();
  /** The same of pages with unknown bytes or decoded instructions: no walk, but somebody is asked or told. */
  readonly #guardedReads = new TranslationCache();
  readonly #guardedWrites = new TranslationCache();
  readonly #fetches = new TranslationCache();
  /** The large page that was met last, for each kind of access: its 4 KiB pages need no walk. */
  #large: LargePages = noLargePages();
  readonly #tables = tableMemory({
    pageAt: (address) => this.physical.page(this.#masked(Math.floor(address / PAGE_BYTES))),
    tell: (...access) => this.tell(...access),
  });

  /** @param words the CPU's, of which control registers and A20 are looked at. */
  constructor(
    readonly words: Int32Array,
    readonly physical: PhysicalMemory,
  ) {}

  /** After a change of anything that translation depends on. */
  flush(): void {
    this.epoch++;
    this.#reads.clear();
    this.#writes.clear();
    this.#guardedReads.clear();
    this.#guardedWrites.clear();
    this.#fetches.clear();
    this.#large = noLargePages();
  }

  /** Runs what accesses tables and stacks of the supervisor, whoever runs (SDM 3A §4.6.1: implicit supervisor accesses). */
  asSupervisor<T>(action: () => T): T {
    if (!this.isUser) return action();
    this.isUser = false;
    this.flush();
    try {
      return action();
    } finally {
      this.isUser = true;
      this.flush();
    }
  }

  read32(low: number, high: number): number {
    const slot = (low >>> 12) & (SLOTS - 1);
    const reads = this.#reads;
    if (reads.low[slot] === (low & -PAGE_BYTES) && reads.high[slot] === high && (low & 0xfff) <= 0xffc)
      return reads.views[slot]!.getInt32(low & 0xfff, true);
    return this.#slowRead(low, high, 4);
  }

  /** @returns the low word; the high one is in {@link high}. */
  read64(low: number, high: number): number {
    const slot = (low >>> 12) & (SLOTS - 1);
    const reads = this.#reads;
    if (reads.low[slot] === (low & -PAGE_BYTES) && reads.high[slot] === high && (low & 0xfff) <= 0xff8) {
      const view = reads.views[slot]!;
      this.high = view.getInt32((low & 0xfff) + 4, true);
      return view.getInt32(low & 0xfff, true);
    }
    return this.#slowRead(low, high, 8);
  }

  /** Zero-extended. */
  read16(low: number, high: number): number {
    const slot = (low >>> 12) & (SLOTS - 1);
    const reads = this.#reads;
    if (reads.low[slot] === (low & -PAGE_BYTES) && reads.high[slot] === high && (low & 0xfff) <= 0xffe)
      return reads.views[slot]!.getUint16(low & 0xfff, true);
    return this.#slowRead(low, high, 2);
  }

  /** Zero-extended. */
  read8(low: number, high: number): number {
    const slot = (low >>> 12) & (SLOTS - 1);
    const reads = this.#reads;
    if (reads.low[slot] === (low & -PAGE_BYTES) && reads.high[slot] === high)
      return reads.views[slot]!.getUint8(low & 0xfff);
    return this.#slowRead(low, high, 1);
  }

  write32(low: number, high: number, value: number): void {
    const slot = (low >>> 12) & (SLOTS - 1);
    const writes = this.#writes;
    if (writes.low[slot] === (low & -PAGE_BYTES) && writes.high[slot] === high && (low & 0xfff) <= 0xffc)
      writes.views[slot]!.setInt32(low & 0xfff, value, true);
    else this.#slowWrite(low, high, 4, value, 0);
  }

  write64(low: number, high: number, value: number, valueHigh: number): void {
    const slot = (low >>> 12) & (SLOTS - 1);
    const writes = this.#writes;
    if (writes.low[slot] === (low & -PAGE_BYTES) && writes.high[slot] === high && (low & 0xfff) <= 0xff8) {
      const view = writes.views[slot]!;
      view.setInt32(low & 0xfff, value, true);
      view.setInt32((low & 0xfff) + 4, valueHigh, true);
    } else this.#slowWrite(low, high, 8, value, valueHigh);
  }

  write16(low: number, high: number, value: number): void {
    const slot = (low >>> 12) & (SLOTS - 1);
    const writes = this.#writes;
    if (writes.low[slot] === (low & -PAGE_BYTES) && writes.high[slot] === high && (low & 0xfff) <= 0xffe)
      writes.views[slot]!.setInt16(low & 0xfff, value, true);
    else this.#slowWrite(low, high, 2, value, 0);
  }

  write8(low: number, high: number, value: number): void {
    const slot = (low >>> 12) & (SLOTS - 1);
    const writes = this.#writes;
    if (writes.low[slot] === (low & -PAGE_BYTES) && writes.high[slot] === high)
      writes.views[slot]!.setInt8(low & 0xfff, value);
    else this.#slowWrite(low, high, 1, value, 0);
  }

  /** Faults as a write of all the bytes would, and writes nothing: what is read to be written again asks before. */
  probeWrite(low: number, high: number, sizeBytes: number): void {
    const slot = (low >>> 12) & (SLOTS - 1);
    const writes = this.#writes;
    if (
      writes.low[slot] === (low & -PAGE_BYTES) &&
      writes.high[slot] === high &&
      (low & 0xfff) + sizeBytes <= PAGE_BYTES
    )
      return;
    if ((low & 0xfff) + sizeBytes <= PAGE_BYTES) return void this.#pageToWrite(low, high);
    for (const piece of pieces(low, high, sizeBytes)) this.#translate(piece.low, piece.high, 'write');
  }

  /**
   * Writes `count` elements of 1, 2, 4 or 8 bytes, all in the page of the first.
   * @throws GuestFault, with nothing written
   */
  fill(low: number, high: number, sizeBytes: number, count: number, value: number, valueHigh: number): void {
    const page = this.#pageToWrite(low, high);
    const offset = low & 0xfff;
    const length = sizeBytes * count;
    if (page.watch !== 0) this.tell('write', page, offset, length, low, high);
    fillElements(page, offset, sizeBytes, length, value, valueHigh);
    if (!isPlain(page)) written(page, offset, length);
  }

  /**
   * Copies `count` elements, one after the other from the lowest: where the target lies a little above the source, what was
   * written is read again. Source and target do not leave the page of their first byte.
   * @throws GuestFault, ModelStop (unknown bytes), with nothing written
   */
  copy(
    sourceLow: number,
    sourceHigh: number,
    targetLow: number,
    targetHigh: number,
    sizeBytes: number,
    count: number,
  ): void {
    const from = sourceLow & 0xfff;
    const to = targetLow & 0xfff;
    const length = sizeBytes * count;
    const source = this.#pageToRead(sourceLow, sourceHigh);
    const target = this.#pageToWrite(targetLow, targetHigh);
    if (source.watch !== 0) this.tell('read', source, from, length, sourceLow, sourceHigh);
    if (target.watch !== 0) this.tell('write', target, to, length, targetLow, targetHigh);
    // What is written before it is read need not be known.
    const ahead = source === target && to > from ? Math.max(sizeBytes, to - from) : length;
    requireKnown(source, from, Math.min(ahead, length));
    copyElements(source.bytes, from, target.bytes, to, sizeBytes, count);
    if (!isPlain(target)) written(target, to, length);
  }

  /** Bytes may be unknown. */
  #pageToRead(low: number, high: number): PhysicalPage {
    const guarded = this.#guardedReads.find(low, high);
    if (guarded !== undefined && !isReadPlain(guarded)) return guarded;
    const page = guarded ?? this.#reads.find(low, high) ?? this.pageFor(low, high, 'read');
    (isReadPlain(page) ? this.#reads : this.#guardedReads).put(low, high, page);
    return page;
  }

  #pageToWrite(low: number, high: number): PhysicalPage {
    const guarded = this.#guardedWrites.find(low, high);
    if (guarded !== undefined && !isPlain(guarded)) return guarded;
    const page = guarded ?? this.#writes.find(low, high) ?? this.pageFor(low, high, 'write');
    page.isTouched = true;
    (isPlain(page) ? this.#writes : this.#guardedWrites).put(low, high, page);
    return page;
  }

  /** The page that instructions are fetched from. Bytes may be unknown. @throws GuestFault */
  pageToExecute(low: number, high: number): PhysicalPage {
    const found = this.#fetches.find(low, high);
    if (found) return found;
    const page = this.pageFor(low, high, 'execute');
    if ((page.watch & WATCH.execute) === 0) this.#fetches.put(low, high, page);
    else this.tell('execute', page, low & 0xfff, 1, low, high);
    return page;
  }

  /** The page for reading or writing, past all caches and knowing nothing of unknown bytes. @throws GuestFault */
  pageFor(low: number, high: number, access: Access): PhysicalPage {
    return this.physical.page(this.#translate(low, high, access));
  }

  /** To be asked before bytes of a watched page are accessed. @throws ModelStop */
  readonly tell: Tell = (access, page, offset, sizeBytes, low, high) => {
    if ((page.watch & WATCH_OF[access]) !== 0)
      this.watcher?.accessed(access, page.frame * PAGE_BYTES + offset, sizeBytes, low, high);
  };

  /** Pages that were found before are looked for anew: somebody needs to be told about writes to one of them. */
  forgetWrites(): void {
    this.#writes.clear();
  }

  #slowRead(low: number, high: number, sizeBytes: number): number {
    if ((low & 0xfff) + sizeBytes > PAGE_BYTES) {
      const bytes = readAcross(this, low, high, sizeBytes);
      this.high = bytes.getInt32(4, true);
      return bytes.getInt32(0, true);
    }
    const offset = low & 0xfff;
    const page = this.#pageToRead(low, high);
    if (page.watch !== 0) this.tell('read', page, offset, sizeBytes, low, high);
    requireKnown(page, offset, sizeBytes);
    const { view } = page;
    if (sizeBytes === 1) return view.getUint8(offset);
    if (sizeBytes === 2) return view.getUint16(offset, true);
    if (sizeBytes === 8) this.high = view.getInt32(offset + 4, true);
    return view.getInt32(offset, true);
  }

  #slowWrite(low: number, high: number, sizeBytes: number, value: number, valueHigh: number): void {
    if ((low & 0xfff) + sizeBytes > PAGE_BYTES)
      return writeAcross(this, low, high, sizeBytes, value, valueHigh);
    const page = this.#pageToWrite(low, high);
    const offset = low & 0xfff;
    if (page.watch !== 0) this.tell('write', page, offset, sizeBytes, low, high);
    storeElement(page.view, offset, sizeBytes, value, valueHigh);
    if (!isPlain(page)) written(page, offset, sizeBytes);
  }

  /** @throws GuestFault: #PF with CR2 set, #GP(0) where the address is not canonical. */
  #translate(low: number, high: number, access: Access): number {
    if (high !== (high << 16) >> 16) throw generalProtection();
    this.watcher?.translated(low, high, access);
    const large = this.#large[access];
    const distance = ((low >>> 12) - large.firstPage) >>> 0;
    if (distance < large.frames && high === large.high) return this.#masked(large.firstFrame + distance);
    const found = translate(this.words, this.#tables, low, high, access, this.isUser);
    if (!(found instanceof PageFault)) {
      if (found.frames > 1) this.#large[access] = largePage(found, low, high);
      return this.#masked(found.frame);
    }
    this.words[CR2] = low;
    this.words[CR2 + 1] = high;
    throw new GuestFault(VECTOR.page, found.errorCode);
  }

  #masked(frame: number): number {
    return this.words[A20] !== 0 || (frame & A20_FRAME_BIT) === 0 ? frame : frame - A20_FRAME_BIT;
  }
}
