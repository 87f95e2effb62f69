/** Pages of a stopped machine's real memory, read again and again into the same buffers. */
import type { SharedRam } from '../guest/guest-view.ts';
import { PAGE_BYTES } from '../x86/memory/physical-memory.ts';

/** Page contents by frame (physical address >> 12). */
export interface Pages {
  get(frame: number): Uint8Array | undefined;
  /** So many of them in a row; undefined where they do not lie in a row here, or are not here. */
  stretch(firstFrame: number, count: number): Uint8Array | undefined;
}

/** Frames that follow one another, and where they are read to. */
interface Run {
  readonly firstFrame: number;
  readonly bytes: Uint8Array;
}

/** Each run is a read of its own: with more of them they are laid out anew. */
const MAX_RUNS = 24;

export class LivePages implements Pages {
  readonly #ram: SharedRam;
  #runs: Run[] = [];
  #pages = new Map<number, Uint8Array>();

  constructor(ram: SharedRam) {
    this.#ram = ram;
  }

  /**
   * Those pages, and others that were asked for before, as they are now. What was read before is overwritten.
   * @param frames those beyond RAM below 4 GiB are left out
   */
  async read(frames: Iterable<number>): Promise<Pages> {
    const end = this.#ram.lowSizeBytes / PAGE_BYTES;
    const missing = [...frames].filter((frame) => frame < end && !this.#pages.has(frame));
    if (missing.length > 0) this.#add([...new Set(missing)]);
    for (const { firstFrame, bytes } of this.#runs)
      await this.#ram.read(firstFrame * PAGE_BYTES, bytes.length, bytes);
    return this;
  }

  get(frame: number): Uint8Array | undefined {
    return this.#pages.get(frame);
  }

  stretch(firstFrame: number, count: number): Uint8Array | undefined {
    return count === 1 ? this.get(firstFrame) : stretchIn(this.#runs, firstFrame, count);
  }

  #add(frames: readonly number[]): void {
    this.#lay(frames);
    if (this.#runs.length <= MAX_RUNS) return;
    const all = [...this.#pages.keys()];
    this.#runs = [];
    this.#pages = new Map();
    this.#lay(all);
  }

  #lay(frames: readonly number[]): void {
    const sorted = [...frames].sort((a, b) => a - b);
    for (let first = 0; first < sorted.length;) {
      let last = first;
      while (last + 1 < sorted.length && sorted[last + 1] === sorted[last]! + 1) last++;
      const bytes = Buffer.allocUnsafeSlow((last - first + 1) * PAGE_BYTES);
      this.#runs.push({ firstFrame: sorted[first]!, bytes });
      for (let index = first; index <= last; index++) {
        const at = (index - first) * PAGE_BYTES;
        this.#pages.set(sorted[index]!, bytes.subarray(at, at + PAGE_BYTES));
      }
      first = last + 1;
    }
  }
}

/** All that was ever touched, as it is now: once, so nothing is laid out for each page. */
export async function touchedPages(ram: SharedRam): Promise<Pages> {
  const runs: Run[] = [];
  for (const { start, end } of await ram.extents()) {
    const firstFrame = Math.floor(start / PAGE_BYTES);
    const address = firstFrame * PAGE_BYTES;
    const bytes = Buffer.allocUnsafeSlow(Math.ceil((end - address) / PAGE_BYTES) * PAGE_BYTES);
    runs.push({ firstFrame, bytes: await ram.read(address, bytes.length, bytes) });
  }
  return {
    get: (frame) => stretchIn(runs, frame, 1),
    stretch: (firstFrame, count) => stretchIn(runs, firstFrame, count),
  };
}

function stretchIn(runs: readonly Run[], firstFrame: number, count: number): Uint8Array | undefined {
  for (const run of runs) {
    const start = (firstFrame - run.firstFrame) * PAGE_BYTES;
    const end = start + count * PAGE_BYTES;
    if (start >= 0 && end <= run.bytes.length) return run.bytes.subarray(start, end);
  }
  return undefined;
}
