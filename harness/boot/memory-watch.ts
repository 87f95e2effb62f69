/**
 * Memory that must not change between two stops of a machine. Where nobody's data can be destroyed a pattern is laid,
 * so that even a store of zeros is seen; elsewhere what is there is kept. Memory that was never touched is not written:
 * it must still read as zeros, and the host need not have it.
 */
import { MIB } from '../bits/align.ts';
import { encodeHex } from '../bits/hex.ts';
import { intersect, sizeOf, subtract, union, type Interval } from '../layout/interval.ts';
import { differences, patternAt } from '../layout/memory-pattern.ts';
import { givePiece, PIECE_BYTES, takePiece, zeros } from '../guest/pieces.ts';
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

type Wanted = (address: number, sizeBytes: number) => Uint8Array;

interface WatchedPiece extends Interval {
  readonly wanted: Wanted;
  /** What holds the bytes of memory that is kept. */
  readonly held?: Uint8Array;
}

const zerosAt: Wanted = (_address, sizeBytes) => zeros(sizeBytes);

export class MemoryWatch implements Disposable {
  readonly #ram: SharedRam;
  #pieces: readonly WatchedPiece[];
  #state: 'laid' | 'let go' = 'laid';

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
      else for (const piece of inPieces([interval])) pieces.push(await keep(ram, piece));
    }
    return new MemoryWatch(ram, pieces, subtract([...always, ...free, ...kept], left), left);
  }

  /**
   * What has changed, at most 16 places, ascending. The machine is stopped.
   * @param but memory that somebody has come to own since.
   * @throws what SharedRam throws; Error where it was let go.
   */
  async compare(but: readonly Interval[]): Promise<Damage[]> {
    if (this.#state !== 'laid') throw new Error('nothing is watched any more');
    const fresh = subtract(intersect(await this.#ram.extents(), this.watched), this.#pieces);
    const pieces = [...this.#pieces, ...fresh.map((interval) => ({ ...interval, wanted: zerosAt }))];
    const damages: Damage[] = [];
    const scratch = takePiece();
    try {
      for (const piece of pieces.sort((a, b) => a.start - b.start))
        for (const interval of inPieces(subtract([piece], but))) {
          const limit = MAX_DAMAGES - damages.length;
          damages.push(...(await this.#damages(interval, piece.wanted, limit, scratch)));
          if (damages.length >= MAX_DAMAGES) return damages;
        }
      return damages;
    } finally {
      givePiece(scratch);
    }
  }

  /** Nothing is compared any more. */
  [Symbol.dispose](): void {
    if (this.#state === 'let go') return;
    this.#state = 'let go';
    for (const { held } of this.#pieces) if (held) givePiece(held);
    this.#pieces = [];
  }

  async #damages(
    { start, end }: Interval,
    wanted: Wanted,
    limit: number,
    scratch: Uint8Array,
  ): Promise<Damage[]> {
    const seen = await this.#ram.read(start, end - start, scratch);
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

/** @param piece at most PIECE_BYTES of it. */
async function keep(ram: SharedRam, piece: Interval): Promise<WatchedPiece> {
  const held = takePiece();
  const bytes = await ram.read(piece.start, piece.end - piece.start, held);
  const wanted: Wanted = (address, sizeBytes) =>
    bytes.subarray(address - piece.start, address - piece.start + sizeBytes);
  return { ...piece, wanted, held };
}
