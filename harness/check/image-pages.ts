/** The image as pages that are put where it is loaded: of run after run only what was written to is made as it was. */
import { forgetCode, PAGE_BYTES, PhysicalMemory, type PhysicalPage } from '../x86/memory/physical-memory.ts';

/** Some bytes that are others in one run: a mutant. */
export interface ImageChange {
  /** From the image's first byte in memory. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** Physical addresses to which the image itself copies them, as to a trampoline. */
  readonly copiedTo?: readonly number[];
}

export class ImagePages {
  readonly #pages: readonly PhysicalPage[];
  readonly #master: Uint8Array;

  /** @param master the image as a loader leaves it in memory, zeros and all */
  constructor(master: Uint8Array) {
    this.#master = master;
    const memory = new PhysicalMemory('zero');
    memory.load(0, master);
    const count = Math.ceil(master.length / PAGE_BYTES);
    this.#pages = Array.from({ length: count }, (_, frame) => memory.page(frame));
    for (const page of this.#pages) page.isTouched = false;
  }

  /** @param isMine which of the frames to put; all by default */
  putInto(memory: PhysicalMemory, start: number, isMine: (frame: number) => boolean = () => true): void {
    const first = start / PAGE_BYTES;
    for (const [index, page] of this.#pages.entries()) {
      if (!isMine(first + index)) continue;
      if (page.isTouched) this.#restore(index);
      memory.place(first + index, page);
    }
  }

  change({ offset, bytes }: ImageChange): void {
    for (const [index, byte] of bytes.entries()) {
      const page = this.#pages[Math.floor((offset + index) / PAGE_BYTES)];
      if (!page) throw new RangeError(`the image has no byte at ${offset + index}`);
      page.bytes[(offset + index) % PAGE_BYTES] = byte;
      page.isTouched = true;
      forgetCode(page);
    }
  }

  page(index: number): PhysicalPage {
    return this.#pages[index]!;
  }

  get count(): number {
    return this.#pages.length;
  }

  #restore(index: number): void {
    const page = this.#pages[index]!;
    const before = this.#master.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES);
    if (page.code !== undefined && Buffer.compare(before, page.bytes.subarray(0, before.length)) !== 0)
      forgetCode(page);
    page.bytes.set(before);
    page.isTouched = false;
    page.isTable = false;
  }
}
