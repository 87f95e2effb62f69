/**
 * Memory that must not change between two stops of a machine. Where nobody's data can be destroyed a pattern is laid,
 * so that even a store of zeros is seen; elsewhere what is there is kept. Memory that was never touched is not written:
 * it must still read as zeros, and the host need not have it.
 */
import { MIB } from '../bits/align.ts';
import { encodeHex } from '../bits/hex.ts';
import { intersect, sizeOf, subtract, union, type Interval } from '../layout/interval.ts';
import { differences, patternAt } from '../layout/memory-pattern.ts';
import type { SharedRam } from '../guest/guest-view.ts';

export interface WatchRequest {
  /** Gets the pattern, touched or not: a few megabytes that matter. */
  readonly always: readonly Interval[];
  /** Gets the pattern where it was touched. */
  readonly free: readonly Interval[];
  /** Kept as it is where it was touched: somebody may need what stands there. */
  readonly kept: readonly Interval[];
}

/** Bytes that changed. */
export interface Damage extends Interval {
  /** Hexadecimal, the first 8 at most. */
  readonly before: string;
  readonly after: string;
}

/** Not more than this is held of memory that is kept: what is beyond is not watched, and said to be. */
const MAX_KEPT_BYTES = 64 * MIB;
const MAX_DAMAGES = 16;
const SHOWN_BYTES = 8;
const PIECE_BYTES = MIB;

type Wanted = (address: number, sizeBytes: number) => Uint8Array;

interface WatchedPiece extends Interval {
  readonly wanted: Wanted;
}

const ZEROS = new Uint8Array(PIECE_BYTES);
const zeros: Wanted = (_address, sizeBytes) => ZEROS.subarray(0, sizeBytes);

export class MemoryWatch {
  readonly #ram: SharedRam;
  readonly #pieces: readonly WatchedPiece[];

  private constructor(
    ram: SharedRam,
    pieces: readonly WatchedPiece[],
    /** All that is compared later, untouched memory included. */
    readonly watched: readonly Interval[],
    /** What was to be kept and is too much. */
    readonly left: readonly Interval[],
  ) {
    this.#ram = ram;
    this.#pieces = pieces;
  }

  /** The machine is stopped. @throws what SharedRam throws. */
  static async lay(ram: SharedRam, request: WatchRequest): Promise<MemoryWatch> {
    const whole = [{ start: 0, end: ram.lowSizeBytes }];
    const always = intersect(request.always, whole);
    const free = subtract(intersect(request.free, whole), always);
    const kept = subtract(intersect(request.kept, whole), [...always, ...free]);
    const touched = union(await ram.extents());
    const pieces: WatchedPiece[] = [];
    for (const interval of [...always, ...intersect(free, touched)])
      pieces.push(await layPattern(ram, interval));
    const left: Interval[] = [];
    let keptBytes = 0;
    for (const interval of intersect(kept, touched)) {
      keptBytes += sizeOf([interval]);
      if (keptBytes > MAX_KEPT_BYTES) left.push(interval);
      else pieces.push(await keep(ram, interval));
    }
    return new MemoryWatch(ram, pieces, subtract([...always, ...free, ...kept], left), left);
  }

  /**
   * What has changed, at most 16 places, ascending. The machine is stopped.
   * @param but memory that somebody has come to own since.
   */
  async compare(but: readonly Interval[]): Promise<Damage[]> {
    const fresh = subtract(intersect(await this.#ram.extents(), this.watched), this.#pieces);
    const pieces = [...this.#pieces, ...fresh.map((interval) => ({ ...interval, wanted: zeros }))];
    const damages: Damage[] = [];
    for (const piece of pieces.sort((a, b) => a.start - b.start))
      for (const interval of inPieces(subtract([piece], but))) {
        damages.push(...(await this.#damages(interval, piece.wanted, MAX_DAMAGES - damages.length)));
        if (damages.length >= MAX_DAMAGES) return damages;
      }
    return damages;
  }

  async #damages({ start, end }: Interval, wanted: Wanted, limit: number): Promise<Damage[]> {
    const seen = await this.#ram.read(start, end - start);
    const held = wanted(start, end - start);
    if (Buffer.compare(seen, held) === 0) return [];
    return differences(seen, held, limit).map(({ from, to }) => ({
      start: start + from,
      end: start + to,
      before: encodeHex(held.subarray(from, Math.min(to, from + SHOWN_BYTES))),
      after: encodeHex(seen.subarray(from, Math.min(to, from + SHOWN_BYTES))),
    }));
  }
}

function inPieces(intervals: readonly Interval[]): Interval[] {
  return intervals.flatMap(({ start, end }) =>
    Array.from({ length: Math.ceil((end - start) / PIECE_BYTES) }, (_, i) => ({
      start: start + i * PIECE_BYTES,
      end: Math.min(end, start + (i + 1) * PIECE_BYTES),
    })),
  );
}

async function layPattern(ram: SharedRam, interval: Interval): Promise<WatchedPiece> {
  for (const { start, end } of inPieces([interval])) await ram.write(start, patternAt(start, end - start));
  return { ...interval, wanted: patternAt };
}

async function keep(ram: SharedRam, interval: Interval): Promise<WatchedPiece> {
  const bytes = await ram.read(interval.start, interval.end - interval.start);
  const wanted: Wanted = (address, sizeBytes) =>
    bytes.subarray(address - interval.start, address - interval.start + sizeBytes);
  return { ...interval, wanted };
}
