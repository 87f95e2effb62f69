/**
 * Which bytes of memory came with the image or are of an address that it was linked with. A mark holds as long as the byte is
 * the one that was marked: what somebody else wrote over it has none, even where nobody told.
 */
import type { Cpu } from '../x86/execute/cpu.ts';
import { PAGE_BYTES, type PhysicalMemory, type PhysicalPage } from '../x86/memory/physical-memory.ts';
import { pieces } from '../x86/memory/pieces.ts';
import { isLinkTime, type MemoryRange, type Territory } from './territory.ts';

/** Numbers of fewer bytes are no addresses. */
export const ADDRESS_BYTES = 4;

interface PlacePiece {
  readonly page: PhysicalPage;
  readonly offset: number;
  readonly sizeBytes: number;
}

/** Bytes of one access; in two pages where it crosses their border. */
export type Place = readonly PlacePiece[];

interface MarkedPage {
  /** Not 0: marked. */
  readonly marks: Uint8Array;
  /** What stood there when it was marked. */
  readonly content: Uint8Array;
}

export class MarkedMemory {
  readonly #territory: Territory;
  readonly #pages = new Map<number, MarkedPage>();

  /** All that is in the image's ranges now is marked, the copy where it was linked, too. */
  constructor(physical: PhysicalMemory, territory: Territory) {
    this.#territory = territory;
    for (const range of [territory.loaded, territory.linkTime]) this.#markImage(physical, range);
  }

  /** Whether the value there is an address that the image was linked with. */
  isAddress(place: Place): boolean {
    return isAddressLike(this.#territory, place) && this.areMarked(place);
  }

  /** Whether the marks of all bytes, or of the first four, hold. */
  areMarked(place: Place): boolean {
    let left = ADDRESS_BYTES;
    for (const { page, offset, sizeBytes } of place) {
      const marked = this.#pages.get(page.frame);
      if (!marked) return false;
      for (let at = offset; at < offset + sizeBytes && left > 0; at++, left--)
        if (marked.marks[at] === 0 || marked.content[at] !== page.bytes[at]) return false;
    }
    return true;
  }

  /** Marks an address that was stored, or says that anything else was. */
  store(place: Place, isAddress: boolean): void {
    const isMarked = isAddress && isAddressLike(this.#territory, place);
    for (const piece of place) this.#set(piece, isMarked);
  }

  /** The same of a part of a number, whatever its value. */
  storePart(place: Place, isMarked: boolean): void {
    for (const piece of place) this.#set(piece, isMarked);
  }

  /** A byte was copied, whichever it is: its mark goes along. @param from, to offsets in the pages */
  copyByte(source: PhysicalPage, from: number, target: PhysicalPage, to: number): void {
    const marked = this.#pages.get(source.frame);
    const byte = target.bytes[to]!;
    // What is in the source by now may have been copied over itself.
    if (marked && marked.marks[from] !== 0 && marked.content[from] === byte) this.#mark(target, to, byte);
    else this.#clear(target.frame, to, to + 1);
  }

  /** @param physical address of what was written from outside */
  clear(physical: number, sizeBytes: number): void {
    const end = physical + sizeBytes;
    for (let at = physical; at < end; at += PAGE_BYTES - (at % PAGE_BYTES)) {
      const offset = at % PAGE_BYTES;
      this.#clear(Math.floor(at / PAGE_BYTES), offset, Math.min(PAGE_BYTES, offset + end - at));
    }
  }

  #set({ page, offset, sizeBytes }: PlacePiece, isMarked: boolean): void {
    if (!isMarked) return this.#clear(page.frame, offset, offset + sizeBytes);
    for (let at = offset; at < offset + sizeBytes; at++) this.#mark(page, at, page.bytes[at]!);
  }

  #mark({ frame }: PhysicalPage, offset: number, byte: number): void {
    let marked = this.#pages.get(frame);
    if (!marked) {
      marked = { marks: new Uint8Array(PAGE_BYTES), content: new Uint8Array(PAGE_BYTES) };
      this.#pages.set(frame, marked);
    }
    marked.marks[offset] = 1;
    marked.content[offset] = byte;
  }

  #clear(frame: number, start: number, end: number): void {
    this.#pages.get(frame)?.marks.fill(0, start, end);
  }

  #markImage(physical: PhysicalMemory, { start, end }: MemoryRange): void {
    for (let at = start; at < end; at += PAGE_BYTES - (at % PAGE_BYTES)) {
      const frame = Math.floor(at / PAGE_BYTES);
      if (!physical.has(frame)) continue;
      const content = physical.page(frame).bytes.slice();
      const known = this.#pages.get(frame)?.marks;
      const marks = known ?? new Uint8Array(PAGE_BYTES);
      marks.fill(1, at % PAGE_BYTES, Math.min(PAGE_BYTES, end - frame * PAGE_BYTES));
      this.#pages.set(frame, { marks, content });
    }
  }
}

/** @throws GuestFault, ModelStop where the instruction's own access will. */
export function placeOf(
  { memory }: Cpu,
  low: number,
  high: number,
  sizeBytes: number,
  access: 'read' | 'write',
): Place {
  if ((low & (PAGE_BYTES - 1)) + sizeBytes <= PAGE_BYTES)
    return [{ page: memory.pageFor(low, high, access), offset: low & (PAGE_BYTES - 1), sizeBytes }];
  return pieces(low, high, sizeBytes).map((piece) => ({
    page: memory.pageFor(piece.low, piece.high, access),
    offset: piece.low & (PAGE_BYTES - 1),
    sizeBytes: piece.sizeBytes,
  }));
}

/** Whether it is 4 bytes or more with a value in the link-time range. */
function isAddressLike(territory: Territory, place: Place): boolean {
  const [first] = place;
  if (!first) return false;
  if (place.length === 1) {
    const { page, offset, sizeBytes } = first;
    if (sizeBytes < ADDRESS_BYTES || !isLinkTime(territory, page.view.getUint32(offset, true), 1))
      return false;
    return sizeBytes !== 8 || page.view.getInt32(offset + 4, true) === 0;
  }
  const bytes = place.flatMap(({ page, offset, sizeBytes }) => [
    ...page.bytes.subarray(offset, offset + sizeBytes),
  ]);
  if (bytes.length < ADDRESS_BYTES) return false;
  const view = new DataView(Uint8Array.from(bytes).buffer);
  return (
    isLinkTime(territory, view.getUint32(0, true), 1) && (bytes.length !== 8 || view.getInt32(4, true) === 0)
  );
}
