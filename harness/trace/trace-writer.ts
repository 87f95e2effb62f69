/** Writes a trace as it happens: nothing but the chunk in hand is lost where the writer is killed. */
import { deflateSync } from 'node:zlib';
import { STATE_WORDS } from '../x86/state/state-layout.ts';
import {
  CHUNK_HEADER_BYTES,
  crcOf,
  DEFLATED_FLAG,
  encodeChunkHeader,
  encodePreamble,
  END_CHUNK,
  IMAGE_CHUNK,
  LIMITS,
  RECORDS_CHUNK,
  RECORDS_PROLOGUE_BYTES,
  viewOf,
} from './file-layout.ts';
import type { MemoryCause, MemoryDigest, MemoryRun, TraceTotals } from './record.ts';
import { RecordEncoder } from './record-encoder.ts';
import { mustBePhysical, recordsOf } from './physical-ranges.ts';
import {
  SPECIAL_DIGEST,
  SPECIAL_EXCURSION,
  SPECIAL_INPUT,
  SPECIAL_MEMORY_READ,
  SPECIAL_MEMORY_WRITTEN,
  SPECIAL_REPEAT,
} from './step-encoding.ts';
import { OrderedSink, type TraceSink } from './ordered-sink.ts';
import { encodeEnding } from './trace-ending.ts';
import { TraceWriterStateError } from './trace-errors.ts';
import { encodeTraceHeader, type TraceHeader } from './trace-header.ts';

/** See docs/decisions/0014-trace-compression.md. */
const DEFLATE_LEVEL = 6;
/** Compressed pieces of the image; each chunk is inflated whole. */
const IMAGE_CHUNK_BYTES = LIMITS.chunkRawBytes / 4;
const DIGESTS_PER_RECORD = 512;

export interface TraceWriterOptions {
  /** The image file's bytes, to be embedded. */
  readonly image?: Uint8Array;
}

/**
 * States are arrays of at least STATE_WORDS words; they are copied. All but {@link flush} and {@link end} return at once:
 * what they have to give goes to the sink in order, each piece after the one before has been taken.
 */
export class TraceWriter {
  readonly #sink: OrderedSink;
  readonly #encoder: RecordEncoder;
  /** The state where the chunk in hand begins. */
  readonly #chunkStart: Int32Array;
  #state: 'open' | 'ended' = 'open';
  #chunks = 0;
  #hasRecordsChunk = false;
  #fileCrc = 0;
  #steps = 0;
  #guestSteps = 0;
  #chunkSteps = 0;
  #chunkGuestSteps = 0;

  /**
   * Gives the header, and the image where there is one, to the sink.
   * @param initial the complete state before the first step
   * @throws TraceHeaderError where the header does not fit its schema
   */
  constructor(sink: TraceSink, header: TraceHeader, initial: Int32Array, options: TraceWriterOptions = {}) {
    const json = encodeTraceHeader(header);
    this.#sink = new OrderedSink(sink);
    this.#encoder = new RecordEncoder(initial);
    this.#chunkStart = Int32Array.from(this.#encoder.words);
    this.#give(encodePreamble(json));
    this.#give(json);
    const image = options.image ?? new Uint8Array();
    for (let at = 0; at < image.length; at += IMAGE_CHUNK_BYTES)
      this.#chunk(IMAGE_CHUNK, image.subarray(at, at + IMAGE_CHUNK_BYTES));
  }

  /** What was written so far, the chunk in hand included. */
  get totals(): TraceTotals {
    return {
      steps: this.#steps + this.#chunkSteps,
      guestSteps: this.#guestSteps + this.#chunkGuestSteps,
    };
  }

  /**
   * One instruction.
   * @param words the state after it
   * @throws RangeError where that is too short @throws whatever the sink threw before; likewise all others
   */
  step(words: Int32Array): void {
    this.#mustTake('step()', words);
    this.#step(words, 1);
  }

  /** An instruction whose results come from outside. */
  input(words: Int32Array): void {
    this.#mustTake('input()', words);
    this.#encoder.prefix(SPECIAL_INPUT);
    this.#step(words, 1);
  }

  /** @param iterations that ran; at least one @throws RangeError where it is none */
  repeat(words: Int32Array, iterations: number): void {
    this.#mustTake('repeat()', words);
    if (!Number.isSafeInteger(iterations) || iterations < 1)
      throw new RangeError(`${iterations} is no count of iterations; write a step where none ran`);
    this.#encoder.repeatPrefix(SPECIAL_REPEAT, iterations);
    this.#step(words, iterations);
  }

  /** @param words the state where control is inside again @param changed memory that is another than before */
  excursion(words: Int32Array, changed: readonly MemoryRun[] = []): void {
    this.#mustTake('excursion()', words);
    this.#encoder.prefix(SPECIAL_EXCURSION);
    this.#step(words, 1);
    this.memory(changed, 'written');
  }

  /** @throws RangeError where an address is none */
  memory(runs: readonly MemoryRun[], cause: MemoryCause): void {
    this.#mustBeOpen('memory()');
    const special = cause === 'read' ? SPECIAL_MEMORY_READ : SPECIAL_MEMORY_WRITTEN;
    for (const record of recordsOf(runs)) {
      this.#encoder.memory(special, record);
      this.#finishIfFull();
    }
  }

  /** @throws RangeError where a range is not of physical memory, or empty */
  digest(digests: readonly MemoryDigest[]): void {
    this.#mustBeOpen('digest()');
    for (const { address, sizeBytes } of digests) mustBePhysical(address, sizeBytes);
    for (let at = 0; at < digests.length; at += DIGESTS_PER_RECORD) {
      this.#encoder.digest(SPECIAL_DIGEST, digests.slice(at, at + DIGESTS_PER_RECORD));
      this.#finishIfFull();
    }
  }

  /** Ends the chunk in hand and waits until the sink has taken all there is. */
  async flush(): Promise<void> {
    this.#mustBeOpen('flush()');
    this.#finishRecords();
    await this.#sink.drained();
  }

  /** The last word; the trace is whole when this returns. @param why e.g. `__start_xen reached` */
  async end(why: string): Promise<TraceTotals> {
    this.#mustBeOpen('end()');
    if (!this.#hasRecordsChunk || this.#encoder.length > 0) this.#finishRecords(true);
    this.#state = 'ended';
    this.#chunk(END_CHUNK, encodeEnding({ ...this.totals, why }, this.#fileCrc), false);
    await this.#sink.drained();
    return this.totals;
  }

  #step(words: Int32Array, guestSteps: number): void {
    this.#encoder.step(words);
    this.#chunkSteps++;
    this.#chunkGuestSteps += guestSteps;
    this.#finishIfFull();
  }

  #finishIfFull(): void {
    if (this.#encoder.isFull) this.#finishRecords();
  }

  #finishRecords(evenEmpty = false): void {
    if (this.#encoder.length === 0 && !evenEmpty && this.#hasRecordsChunk) return;
    const raw = new Uint8Array(RECORDS_PROLOGUE_BYTES + this.#encoder.length);
    const view = viewOf(raw);
    const counts = [this.#steps, this.#guestSteps, this.#chunkSteps, this.#chunkGuestSteps];
    counts.forEach((count, index) => view.setBigUint64(8 * index, BigInt(count), true));
    this.#chunkStart.forEach((word, index) => view.setInt32(32 + 4 * index, word, true));
    raw.set(this.#encoder.bytes, RECORDS_PROLOGUE_BYTES);
    this.#chunk(RECORDS_CHUNK, raw);
    this.#beginChunk();
  }

  #beginChunk(): void {
    this.#hasRecordsChunk = true;
    this.#steps += this.#chunkSteps;
    this.#guestSteps += this.#chunkGuestSteps;
    this.#chunkSteps = this.#chunkGuestSteps = 0;
    this.#chunkStart.set(this.#encoder.words);
    this.#encoder.reset();
  }

  #chunk(type: number, raw: Uint8Array, mayDeflate = true): void {
    const deflated = mayDeflate ? deflateSync(raw, { level: DEFLATE_LEVEL }) : raw;
    const isSmaller = deflated.length < raw.length;
    const stored = isSmaller ? deflated : raw.slice();
    const flags = isSmaller ? DEFLATED_FLAG : 0;
    const header = { type, flags, reserved: 0, index: this.#chunks++ };
    const sizes = { storedBytes: stored.length, rawBytes: raw.length, crc: crcOf(stored) };
    const bytes = new Uint8Array(CHUNK_HEADER_BYTES + stored.length);
    bytes.set(encodeChunkHeader({ ...header, ...sizes }));
    bytes.set(stored, CHUNK_HEADER_BYTES);
    this.#give(bytes);
  }

  #give(bytes: Uint8Array): void {
    this.#fileCrc = crcOf(bytes, this.#fileCrc);
    this.#sink.give(bytes);
  }

  #mustTake(command: string, words: Int32Array): void {
    this.#mustBeOpen(command);
    if (words.length < STATE_WORDS)
      throw new RangeError(`${command}: ${words.length} words are no state, which has ${STATE_WORDS}`);
  }

  #mustBeOpen(command: string): void {
    if (this.#state !== 'open') throw new TraceWriterStateError(command, this.#state);
  }
}
