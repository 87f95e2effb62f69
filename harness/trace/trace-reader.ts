/** Reads a trace from the bytes of its file. */
import { findChunks, type Cut, type FoundChunk } from './chunk-list.ts';
import { IMAGE_CHUNK, LIMITS, PREAMBLE_BYTES, RECORDS_CHUNK } from './file-layout.ts';
import { inflateChunk } from './inflate-chunk.ts';
import { checkedPreamble } from './preamble.ts';
import type { TraceEnding, TraceTotals } from './record.ts';
import { RecordsChunk } from './records-chunk.ts';
import { StepCursor } from './step-cursor.ts';
import { TraceError, TraceMalformedError, TraceSizeError, TraceTruncatedError } from './trace-errors.ts';
import { parseEnding } from './trace-ending.ts';
import { parseTraceHeader, type TraceHeader } from './trace-header.ts';

const NOTHING: TraceTotals = { steps: 0, guestSteps: 0 };

/**
 * All checksums are looked at when it is made; records are inflated chunk by chunk, as a cursor comes to them. A trace that is
 * damaged behind its header can be read up to there: {@link damage}.
 */
export class TraceReader {
  readonly header: TraceHeader;
  /** Of the file, e.g. `1.0`. */
  readonly version: string;
  /** What a cursor will throw where it gets there; undefined for a whole trace. */
  readonly damage: TraceError | undefined;
  /** Undefined where the trace is damaged. */
  readonly ending: TraceEnding | undefined;
  /** What the chunks before the damage say they hold. */
  readonly totals: TraceTotals = NOTHING;

  readonly #records: readonly FoundChunk[];
  readonly #images: readonly FoundChunk[];
  readonly #imageBytes: number;

  /**
   * @param file the whole file
   * @throws NotATraceError TraceTruncatedError TraceChecksumError TraceVersionError TraceHeaderError TraceSizeError
   *   where not even the header can be read
   */
  constructor(file: Uint8Array) {
    const preamble = checkedPreamble(file);
    this.version = `${preamble.major}.${preamble.minor}`;
    const chunksStart = PREAMBLE_BYTES + preamble.headerBytes;
    this.header = parseTraceHeader(file.subarray(PREAMBLE_BYTES, chunksStart));
    const { chunks, damage } = findChunks(file, chunksStart, this.version);
    this.#records = chunks.filter(({ type }) => type === RECORDS_CHUNK);
    this.#images = chunks.filter(({ type }) => type === IMAGE_CHUNK);
    this.#imageBytes = this.#images.reduce((sum, { rawBytes }) => sum + rawBytes, 0);
    try {
      this.#mustBeSmallEnough();
      this.totals = this.#lastTotals();
      if (!damage) this.ending = parseEnding(file, chunks.at(-1)!, this.totals);
      this.damage = damage instanceof Error || !damage ? damage : truncation(damage, this.totals);
    } catch (error) {
      if (!(error instanceof TraceError)) throw error;
      this.damage = error;
    }
  }

  /**
   * A cursor before the first record, independent of others.
   * @throws TraceError where there is not even an initial state
   */
  cursor(): StepCursor {
    const first = this.recordsChunk(0);
    if (!first) throw new TraceMalformedError('it holds no initial state', PREAMBLE_BYTES, 0);
    return new StepCursor(this, first);
  }

  /**
   * The embedded image file; undefined where there is none. Its SHA-256 is for the caller to compare.
   * @throws TraceError where it is cut short, or other than the header says
   */
  image(): Uint8Array | undefined {
    if (this.#images.length === 0) return undefined;
    const { imageSizeBytes } = this.header.subject;
    const { position, index } = this.#images[0]!;
    if (this.#imageBytes !== imageSizeBytes) {
      if (this.damage) throw this.damage;
      const what = `the image has ${this.#imageBytes} bytes, ${imageSizeBytes} according to the header`;
      throw new TraceMalformedError(what, position, index);
    }
    const image = new Uint8Array(imageSizeBytes);
    let at = 0;
    for (const chunk of this.#images) {
      image.set(inflateChunk(chunk), at);
      at += chunk.rawBytes;
    }
    return image;
  }

  /** For cursors. */
  recordsChunk(index: number): RecordsChunk | undefined {
    const chunk = this.#records[index];
    if (chunk) return recordsOf(chunk);
    if (this.damage) throw this.damage;
    return undefined;
  }

  /** For cursors. */
  countMemory(alreadyBytes: number, chunk: RecordsChunk, sizeBytes: number): number {
    const sum = alreadyBytes + sizeBytes;
    if (this.#imageBytes + sum > LIMITS.memoryBytes)
      throw new TraceSizeError(
        'memory records and image',
        chunk.filePosition,
        this.#imageBytes + sum,
        LIMITS.memoryBytes,
      );
    return sum;
  }

  #mustBeSmallEnough(): void {
    const [first] = this.#images;
    if (first && this.#imageBytes > LIMITS.memoryBytes)
      throw new TraceSizeError('the image', first.position, this.#imageBytes, LIMITS.memoryBytes);
  }

  #lastTotals(): TraceTotals {
    const last = this.#records.at(-1);
    if (!last) return NOTHING;
    const { stepsBefore, guestStepsBefore, steps, guestSteps } = recordsOf(last);
    return { steps: stepsBefore + steps, guestSteps: guestStepsBefore + guestSteps };
  }
}

function truncation({ cut, position }: Cut, usable: TraceTotals): TraceTruncatedError {
  return new TraceTruncatedError(cut, position, usable);
}

function recordsOf(chunk: FoundChunk): RecordsChunk {
  return new RecordsChunk(inflateChunk(chunk), chunk.index, chunk.position);
}
