/**
 * Physical memory as pages of bytes. A byte may be unknown: of a recorded boot only that is known which early boot read.
 * Reading an unknown byte stops the model, as guessing would hide what the recording lacks.
 */
import { ModelStop } from '../execute/stop.ts';

export const PAGE_BYTES = 4096;

export interface PhysicalPage {
  /** Physical address >> 12. */
  frame: number;
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** One byte for each: not 0 where it is known. undefined: all are. */
  known: Uint8Array | undefined;
  /** Of {@link known} how many are 0. */
  unknownBytes: number;
  /** One byte for each: not 0 where an instruction was decoded from it. undefined: none was. */
  code: Uint8Array | undefined;
  /** Whether page tables were read from it. */
  isTable: boolean;
  /** {@link WATCH} bits: accesses that somebody wants to be told of before they happen. */
  watch: number;
  /** Whether it may have been written to since somebody set this to false. */
  isTouched: boolean;
  /** Counts the writes that hit decoded instructions. */
  generation: number;
  /** The same of all pages together. */
  readonly codeChanges: { count: number };
}

/** Bits of {@link PhysicalPage.watch}. */
export const WATCH = { read: 1, write: 2, execute: 4 } as const;

const UNWATCHED = () => 0;

/** What to do with a page of which nothing was said yet. */
export type MissingPage = 'unknown' | 'zero';

export class PhysicalMemory {
  readonly #pages = new Map<number, PhysicalPage>();
  readonly #missing: MissingPage;

  readonly #maxPages: number;
  readonly #slab = new PageSlab();
  /** Made here, not {@link place}d. */
  #made: PhysicalPage[] = [];
  /** Forgotten ones, to be used again. */
  readonly #free: PhysicalPage[] = [];
  readonly #freeKnown: Uint8Array[] = [];
  /** How often decoded instructions were written to, or may have been. */
  readonly codeChanges = { count: 0 };
  /** How often {@link load} wrote to page tables. */
  tableLoads = 0;
  /** {@link WATCH} bits of pages that are made from now on. */
  watchOf: (frame: number) => number = UNWATCHED;

  /** @param maxPages beyond which the model stops: what guests of unknown origin may cost */
  constructor(missing: MissingPage, maxPages = Infinity) {
    this.#missing = missing;
    this.#maxPages = maxPages;
  }

  page(frame: number): PhysicalPage {
    return this.#pages.get(frame) ?? this.#make(frame);
  }

  pages(): IterableIterator<PhysicalPage> {
    return this.#pages.values();
  }

  /** Whether something was said of the page, or somebody asked for it. */
  has(frame: number): boolean {
    return this.#pages.has(frame);
  }

  /** All of it as it is now, for {@link rewind}. */
  snapshot(): MemorySnapshot {
    const pages = [...this.#pages.values()].map(({ frame, bytes, known }) => ({
      ...{ frame, bytes: bytes.slice(), known: known?.slice() },
    }));
    return { pages: new Map(pages.map((page) => [page.frame, page])) };
  }

  /**
   * As it was. Instructions that were decoded stay so where their bytes are the same. Who keeps translations must let go of
   * them: LinearMemory.flush.
   */
  rewind({ pages }: MemorySnapshot): void {
    for (const page of this.#pages.values()) {
      const before = pages.get(page.frame);
      const [bytes, known] = before ? [before.bytes, before.known] : [NOTHING_KNOWN, this.#unknown()];
      if (Buffer.compare(page.bytes, bytes) !== 0) {
        if (page.code && isCodeChanged(page, page.code, bytes)) forgetCode(page);
        page.bytes.set(bytes);
      }
      page.known = known?.slice();
      page.unknownBytes = known ? known.reduce((sum, each) => sum + (each === 0 ? 1 : 0), 0) : 0;
    }
  }

  #unknown(): Uint8Array | undefined {
    return this.#missing === 'unknown' ? NOTHING_KNOWN : undefined;
  }

  /** Puts a page that was made elsewhere at a place of its own. Who keeps pages must let go of them: LinearMemory.flush. */
  place(frame: number, page: PhysicalPage): void {
    page.frame = frame;
    this.#pages.set(frame, page);
  }

  /** Forgets everything. Who keeps pages must let go of them: LinearMemory.flush. */
  clear(): void {
    this.#pages.clear();
    this.#free.push(...this.#made);
    this.#made = [];
  }

  /** Makes bytes known. Instructions decoded from them are forgotten. @param address physical */
  load(address: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const frame = Math.floor((address + done) / PAGE_BYTES);
      const offset = (address + done) % PAGE_BYTES;
      const length = Math.min(PAGE_BYTES - offset, bytes.length - done);
      const page = this.#pages.get(frame) ?? this.#make(frame, length === PAGE_BYTES || undefined);
      page.bytes.set(bytes.subarray(done, done + length), offset);
      page.isTouched = true;
      if (!isPlain(page)) written(page, offset, length);
      if (page.isTable) this.tableLoads++;
      done += length;
    }
  }

  /** The bytes as they are now; unknown ones read as 0. @param address physical */
  read(address: number, sizeBytes: number): Uint8Array {
    const bytes = new Uint8Array(sizeBytes);
    for (let done = 0; done < sizeBytes;) {
      const page = this.page(Math.floor((address + done) / PAGE_BYTES));
      const offset = (address + done) % PAGE_BYTES;
      const length = Math.min(PAGE_BYTES - offset, sizeBytes - done);
      bytes.set(page.bytes.subarray(offset, offset + length), done);
      done += length;
    }
    return bytes;
  }

  /** @param isKnown all of it is about to be written */
  #make(frame: number, isKnown = this.#missing === 'zero'): PhysicalPage {
    if (this.#pages.size >= this.#maxPages)
      throw new ModelStop({ kind: 'unsupported', what: `more than ${this.#maxPages} pages of memory` });
    const page = this.#again() ?? this.#newPage(frame);
    page.frame = frame;
    page.known = isKnown ? undefined : (this.#freeKnown.pop()?.fill(0) ?? new Uint8Array(PAGE_BYTES));
    page.unknownBytes = isKnown ? 0 : PAGE_BYTES;
    page.watch = this.watchOf(frame);
    this.#made.push(page);
    this.#pages.set(frame, page);
    return page;
  }

  /** A page that was forgotten, as good as new: whoever kept it must see that it is another. */
  #again(): PhysicalPage | undefined {
    const page = this.#free.pop();
    if (!page) return undefined;
    page.bytes.fill(0);
    forgetCode(page);
    if (page.known) this.#freeKnown.push(page.known);
    page.isTable = false;
    page.isTouched = true;
    return page;
  }

  #newPage(frame: number): PhysicalPage {
    const { bytes, view } = this.#slab.page();
    // All pages have one shape, also later: nothing is deleted from them.
    return {
      frame,
      bytes,
      view,
      known: undefined,
      unknownBytes: 0,
      code: undefined,
      isTable: false,
      watch: 0,
      isTouched: true,
      generation: 0,
      codeChanges: this.codeChanges,
    };
  }
}

export interface MemorySnapshot {
  readonly pages: ReadonlyMap<number, { readonly bytes: Uint8Array; readonly known: Uint8Array | undefined }>;
}

const NOTHING_KNOWN = new Uint8Array(PAGE_BYTES);

function isCodeChanged({ bytes }: PhysicalPage, code: Uint8Array, other: Uint8Array): boolean {
  return code.some((isCode, at) => isCode !== 0 && bytes[at] !== other[at]);
}

const SLAB_PAGES = 64;

/** Pages cut from larger pieces of zeros: a buffer for each would cost more than what it is used for. */
class PageSlab {
  #buffer = new ArrayBuffer(0);
  #used = 0;

  page(): Pick<PhysicalPage, 'bytes' | 'view'> {
    if (this.#used === this.#buffer.byteLength) {
      this.#buffer = new ArrayBuffer(SLAB_PAGES * PAGE_BYTES);
      this.#used = 0;
    }
    const [buffer, offset] = [this.#buffer, this.#used];
    this.#used += PAGE_BYTES;
    return {
      bytes: new Uint8Array(buffer, offset, PAGE_BYTES),
      view: new DataView(buffer, offset, PAGE_BYTES),
    };
  }
}

/** To be told after each write to a page that has unknown bytes or decoded instructions. */
export function written(page: PhysicalPage, offset: number, length: number): void {
  const { known, code } = page;
  if (known) becameKnown(page, known, offset, length);
  if (!code) return;
  for (let at = offset; at < offset + length; at++) {
    if (code[at] === 0) continue;
    forgetCode(page);
    return;
  }
}

/** Instructions decoded from the page are looked at again. */
export function forgetCode(page: PhysicalPage): void {
  page.generation++;
  page.codeChanges.count++;
  page.code = undefined;
}

function becameKnown(page: PhysicalPage, known: Uint8Array, offset: number, length: number): void {
  if (length === PAGE_BYTES) page.unknownBytes = 0;
  else
    for (let at = offset; at < offset + length; at++) {
      if (known[at] !== 0) continue;
      known[at] = 1;
      page.unknownBytes--;
    }
  if (page.unknownBytes === 0) page.known = undefined;
}

/** Whether nobody needs to be told of writes to the page. */
export function isPlain(page: PhysicalPage): boolean {
  return page.known === undefined && page.code === undefined && (page.watch & WATCH.write) === 0;
}

/** The same of reads. */
export function isReadPlain(page: PhysicalPage): boolean {
  return page.known === undefined && (page.watch & WATCH.read) === 0;
}
