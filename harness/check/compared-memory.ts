/** A stretch of memory as it was in one run, compared with the same stretch of another: what differs, and how. */
import { PAGE_BYTES, type PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { misfitOf, type Misfit, type Shift } from './by-the-base.ts';
import { copyOf, pageAt } from './end-state.ts';

/** Told of each word that does not fit. @param offset from the stretch's start. @param a as it was. @param b as it is */
export type NoteMisfit = (offset: number, a: number, b: number) => void;

const PAIR_BYTES = 8;

export class ComparedMemory {
  /** To the end of the last 8-byte piece. May be written to: it is what is expected. */
  readonly words: Int32Array;
  readonly #pages: readonly { readonly bytes: Uint8Array; isAsLaid: boolean }[];
  /** 8-byte pieces that move with the base, by their offset; undefined: any may. */
  #moving: Set<number> | undefined;

  /** @param start physical */
  constructor(memory: PhysicalMemory, start: number, sizeBytes: number) {
    const buffer = new ArrayBuffer(Math.ceil(sizeBytes / PAIR_BYTES) * PAIR_BYTES);
    const bytes = copyOf(memory, start, new Uint8Array(buffer));
    this.words = new Int32Array(buffer);
    this.#pages = Array.from({ length: Math.ceil(bytes.length / PAGE_BYTES) }, (_, page) => ({
      bytes: bytes.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES),
      isAsLaid: isAsLaid(memory, start + page * PAGE_BYTES),
    }));
  }

  /** To be told before {@link words} are written to. */
  expects(offset: number, sizeBytes: number): void {
    for (let at = offset - (offset % PAGE_BYTES); at < offset + sizeBytes; at += PAGE_BYTES)
      this.#pages[at / PAGE_BYTES]!.isAsLaid = false;
  }

  /** From now on what differs there by the base must do so, and nothing else may. */
  learn(memory: PhysicalMemory, start: number, shift: Shift): void {
    const moving = new Set<number>();
    this.#differing(memory, start, (offset, a0, a1, b0, b1) => {
      if (misfitOf(a0, a1, b0, b1, shift) === 'none') moving.add(offset);
    });
    this.#moving = moving;
  }

  compare(memory: PhysicalMemory, start: number, shift: Shift, note: NoteMisfit): void {
    const moving = this.#moving;
    this.#differing(memory, start, (offset, a0, a1, b0, b1) => {
      const fits = misfitOf(a0, a1, b0, b1, shift);
      const misfit: Misfit =
        fits !== 'none' || moving?.has(offset) !== false ? fits : wordsOther(a0, a1, b0, b1);
      if (misfit === 'low' || misfit === 'both') note(offset, a0, b0);
      if (misfit === 'high' || misfit === 'both') note(offset + 4, a1, b1);
    });
    if (moving && shift.low !== 0) this.#noteStill(moving, memory, start, note);
  }

  /** What had to move, and did not. */
  #noteStill(moving: ReadonlySet<number>, memory: PhysicalMemory, start: number, note: NoteMisfit): void {
    const seen = new Int32Array(2);
    for (const offset of moving) {
      copyOf(memory, start + offset, new Uint8Array(seen.buffer));
      const [a0, a1] = [this.words[offset >> 2]!, this.words[(offset >> 2) + 1]!];
      if (seen[0] === a0 && seen[1] === a1) note(offset, a0, a0);
    }
  }

  #differing(
    memory: PhysicalMemory,
    start: number,
    tell: (offset: number, a0: number, a1: number, b0: number, b1: number) => void,
  ): void {
    for (let index = 0; index < this.#pages.length; index++) {
      const { bytes: before, isAsLaid: wasAsLaid } = this.#pages[index]!;
      const offset = index * PAGE_BYTES;
      if (wasAsLaid && isAsLaid(memory, start + offset)) continue;
      const after = piece(memory, start + offset, before.length);
      if (Buffer.compare(before, after) === 0) continue;
      const here = new Int32Array(after.buffer, after.byteOffset, after.length >> 2);
      const first = offset >> 2;
      for (let word = 0; word < here.length; word += 2) {
        const [a0, a1] = [this.words[first + word]!, this.words[first + word + 1]!];
        const [b0, b1] = [here[word]!, here[word + 1]!];
        if (a0 !== b0 || a1 !== b1) tell(offset + 4 * word, a0, a1, b0, b1);
      }
    }
  }
}

/** Of the image, and nobody wrote there: the same in all runs. */
function isAsLaid(memory: PhysicalMemory, address: number): boolean {
  const frame = address / PAGE_BYTES;
  return Number.isInteger(frame) && memory.has(frame) && !memory.page(frame).isTouched;
}

function wordsOther(a0: number, a1: number, b0: number, b1: number): Misfit {
  if (a0 === b0) return 'high';
  return a1 === b1 ? 'low' : 'both';
}

/** At most a page, where words may be read from it. */
function piece(memory: PhysicalMemory, address: number, sizeBytes: number): Uint8Array {
  if (address % PAGE_BYTES !== 0) return copyOf(memory, address, new Uint8Array(sizeBytes));
  const page = pageAt(memory, address / PAGE_BYTES);
  return sizeBytes === PAGE_BYTES ? page : page.subarray(0, sizeBytes);
}
