/**
 * The model's pages in stretches that lie in a row in its own memory, so that a thousand of them are compared with real
 * memory in a few calls: most of the image is the same at every stop.
 */
import { PAGE_BYTES, type PhysicalMemory, type PhysicalPage } from '../x86/memory/physical-memory.ts';
import type { Pages } from './live-pages.ts';

interface Stretch {
  readonly pages: readonly PhysicalPage[];
  /** All of them, one behind the other. */
  readonly bytes: Uint8Array;
}

export class PageStretches {
  readonly #memory: PhysicalMemory;
  #stretches: readonly Stretch[] = [];
  #pages: readonly PhysicalPage[] = [];

  constructor(memory: PhysicalMemory) {
    this.#memory = memory;
  }

  /** All pages of which something was said, by address. They stay, and stay where they are. */
  pages(): readonly PhysicalPage[] {
    const pages = [...this.#memory.pages()];
    if (pages.length === this.#pages.length) return this.#pages;
    this.#pages = pages.sort((a, b) => a.frame - b.frame);
    this.#stretches = stretchesOf(this.#pages);
    return this.#pages;
  }

  /** Pages that are not, byte by byte, what all of `others` say they are; nothing is said of what is known of them. */
  *unlike(others: readonly Pages[]): Generator<PhysicalPage, void> {
    this.pages();
    for (const stretch of this.#stretches) yield* unlikeIn(stretch, 0, stretch.pages.length, others);
  }
}

/** Halves what is not alike as a whole. */
function* unlikeIn(
  stretch: Stretch,
  first: number,
  end: number,
  others: readonly Pages[],
): Generator<PhysicalPage, void> {
  const { frame } = stretch.pages[first]!;
  const bytes = stretch.bytes.subarray(first * PAGE_BYTES, end * PAGE_BYTES);
  if (others.every((pages) => isAlike(bytes, pages.stretch(frame, end - first)))) return;
  if (end - first === 1) return void (yield stretch.pages[first]!);
  const middle = (first + end) >> 1;
  yield* unlikeIn(stretch, first, middle, others);
  yield* unlikeIn(stretch, middle, end, others);
}

function isAlike(bytes: Uint8Array, other: Uint8Array | undefined): boolean {
  return other !== undefined && Buffer.compare(bytes, other) === 0;
}

/** @param pages by address */
function stretchesOf(pages: readonly PhysicalPage[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (let first = 0; first < pages.length;) {
    let end = first + 1;
    while (end < pages.length && isBehind(pages[end]!, pages[end - 1]!)) end++;
    const { buffer, byteOffset } = pages[first]!.bytes;
    const bytes = new Uint8Array(buffer, byteOffset, (end - first) * PAGE_BYTES);
    stretches.push({ pages: pages.slice(first, end), bytes });
    first = end;
  }
  return stretches;
}

function isBehind(page: PhysicalPage, before: PhysicalPage): boolean {
  return (
    page.frame === before.frame + 1 &&
    page.bytes.buffer === before.bytes.buffer &&
    page.bytes.byteOffset === before.bytes.byteOffset + PAGE_BYTES
  );
}
