/** Goes through a trace's records in order. Reading a step makes no object: millions a second are compared with a model. */
import { ListReader } from './list-reader.ts';
import type { RecordsChunk } from './records-chunk.ts';
import { DIGEST, END, EXCURSION, INPUT, MEMORY, REPEAT, STEP } from './record.ts';
import type { MemoryCause, MemoryDigest, MemoryRun, RecordKind } from './record.ts';
import { StepDecoder } from './step-decoder.ts';
import {
  SPECIAL,
  SPECIAL_DIGEST,
  SPECIAL_EXCURSION,
  SPECIAL_INPUT,
  SPECIAL_MEMORY_READ,
  SPECIAL_MEMORY_WRITTEN,
  SPECIAL_REPEAT,
} from './step-encoding.ts';

/** Where a cursor's records come from: a reader. */
export interface RecordsSource {
  /**
   * Undefined behind the last one of a whole trace.
   * @throws TraceError where the trace is damaged there
   */
  recordsChunk(index: number): RecordsChunk | undefined;
  /** The sum of both. @throws TraceSizeError where that is too much */
  countMemory(alreadyBytes: number, chunk: RecordsChunk, sizeBytes: number): number;
}

export class StepCursor {
  /** The state after the last record; before the first {@link next}: the initial one. Changed in place by next(). */
  readonly words: Int32Array;
  /** Of a {@link REPEAT}; 1 for an {@link INPUT} and an {@link EXCURSION}. */
  iterations = 1;
  /** Of a {@link MEMORY}: views that stay valid. */
  memory: readonly MemoryRun[] = [];
  memoryCause: MemoryCause = 'read';
  /** Of a {@link DIGEST}. */
  digests: readonly MemoryDigest[] = [];

  readonly #source: RecordsSource;
  readonly #decoder: StepDecoder;
  #nextChunk = 1;
  /** Within the chunk; then what iterations add to them as the machine counts. */
  #steps = 0;
  #extraIterations = 0;
  #memoryBytes = 0;

  /** @param first the trace's first chunk of records */
  constructor(source: RecordsSource, first: RecordsChunk) {
    this.#source = source;
    this.#decoder = new StepDecoder(first);
    this.words = this.#decoder.words;
  }

  /** Whether the last record changed any word but general registers, RIP and RFLAGS. */
  get systemChanged(): boolean {
    return this.#decoder.systemChanged;
  }

  /** Steps so far: the number of the last one, counted from 1. */
  get step(): number {
    return this.#decoder.chunk.stepsBefore + this.#steps;
  }

  /** The same as the machine counts. */
  get guestStep(): number {
    return this.#decoder.chunk.guestStepsBefore + this.#steps + this.#extraIterations;
  }

  /**
   * The next record: its kind, with {@link words} and the fields of that kind up to date.
   * @throws TraceError where the trace is damaged there; what was read before holds
   */
  next(): RecordKind {
    const decoder = this.#decoder;
    decoder.systemChanged = false;
    if (decoder.position >= decoder.end) return this.#goOn();
    if (decoder.bytes[decoder.position]! >= SPECIAL) return this.#special();
    decoder.applyStep();
    this.#steps++;
    return STEP;
  }

  /** With the next chunk that has records; a loop, since a flushed trace may have many that have none. */
  #goOn(): RecordKind {
    const decoder = this.#decoder;
    while (decoder.position >= decoder.end) {
      decoder.chunk.mustHold(this.#steps, this.#steps + this.#extraIterations);
      const next = this.#source.recordsChunk(this.#nextChunk);
      if (!next) return END;
      next.mustFollow(decoder.chunk, this.words);
      this.#nextChunk++;
      this.#steps = this.#extraIterations = 0;
      decoder.enter(next);
    }
    return this.next();
  }

  #special(): RecordKind {
    const special = this.#decoder.bytes[this.#decoder.position++]!;
    this.iterations = 1;
    switch (special) {
      case SPECIAL_INPUT:
        return this.#prefixed(INPUT);
      case SPECIAL_REPEAT:
        return this.#repeat();
      case SPECIAL_EXCURSION:
        return this.#prefixed(EXCURSION);
      case SPECIAL_MEMORY_READ:
        return this.#readMemory('read');
      case SPECIAL_MEMORY_WRITTEN:
        return this.#readMemory('written');
      case SPECIAL_DIGEST:
        return this.#readDigests();
      default:
        return this.#decoder.malformed(`there is no record that begins with ${special}`);
    }
  }

  #prefixed(kind: RecordKind): RecordKind {
    const decoder = this.#decoder;
    if (decoder.position >= decoder.end || decoder.bytes[decoder.position]! >= SPECIAL)
      decoder.malformed('no step follows its prefix');
    decoder.applyStep();
    this.#steps++;
    return kind;
  }

  #repeat(): RecordKind {
    const iterations = this.#list((list) => list.number());
    if (iterations === 0) this.#decoder.malformed('a repeat of no iterations');
    this.iterations = iterations;
    this.#extraIterations += iterations - 1;
    return this.#prefixed(REPEAT);
  }

  #readMemory(cause: MemoryCause): RecordKind {
    this.memory = this.#list((list) => list.memory());
    this.memoryCause = cause;
    for (const { bytes } of this.memory)
      this.#memoryBytes = this.#source.countMemory(this.#memoryBytes, this.#decoder.chunk, bytes.length);
    return MEMORY;
  }

  #readDigests(): RecordKind {
    this.digests = this.#list((list) => list.digests());
    return DIGEST;
  }

  #list<Value>(read: (list: ListReader) => Value): Value {
    const list = new ListReader(this.#decoder.chunk, this.#decoder.position);
    const value = read(list);
    this.#decoder.position = list.position;
    return value;
  }
}
