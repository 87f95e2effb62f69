/** Goes through a trace's records in order. Reading a step makes no object: millions a second are compared with a model. */
import { RFLAGS, RIP, SEGMENTS, STATE_WORDS } from '../x86/state/state-layout.ts';
import { ListReader, wordAt } from './list-reader.ts';
import type { RecordsChunk } from './records-chunk.ts';
import { DIGEST, END, EXCURSION, INPUT, MEMORY, REPEAT, STEP } from './record.ts';
import type { MemoryCause, MemoryDigest, MemoryRun, RecordKind } from './record.ts';
import {
  ADVANCE_MASK,
  FIRST_OTHER,
  FLAGS_CHANGED,
  FORM_DELTA,
  FORM_MASK,
  FORM_VALUE,
  FORM_WORD,
  GENERAL_CHANGED,
  MORE,
  OTHER_CHANGED,
  OTHER_MASK,
  SPECIAL,
  SPECIAL_DIGEST,
  SPECIAL_EXCURSION,
  SPECIAL_INPUT,
  SPECIAL_MEMORY_READ,
  SPECIAL_MEMORY_WRITTEN,
  SPECIAL_REPEAT,
  WORD_MASK,
} from './step-encoding.ts';

/** Where a cursor's records come from: a reader. */
export interface RecordsSource {
  /**
   * Undefined behind the last one of a whole trace.
   * @throws TraceError where the trace is damaged there
   */
  recordsChunk(index: number): RecordsChunk | undefined;
  /** @throws TraceSizeError where these and those counted before are too many */
  countMemory(alreadyBytes: number, chunk: RecordsChunk, sizeBytes: number): number;
}

const NO_RUNS: readonly MemoryRun[] = [];
const NO_DIGESTS: readonly MemoryDigest[] = [];
const EMPTY = new Uint8Array(1);

export class StepCursor {
  /** The state after the last record; before the first {@link next}: the initial one. Changed in place by next(). */
  readonly words = new Int32Array(STATE_WORDS);
  /** Whether the last record changed any word but general registers, RIP and RFLAGS. */
  systemChanged = false;
  /** Of a {@link REPEAT}; 1 for the other steps. */
  iterations = 1;
  /** Of a {@link MEMORY}: views that stay valid. */
  memory = NO_RUNS;
  memoryCause: MemoryCause = 'read';
  /** Of a {@link DIGEST}. */
  digests = NO_DIGESTS;

  readonly #source: RecordsSource;
  #chunk: RecordsChunk | undefined;
  #chunks = 0;
  #bytes: Uint8Array = EMPTY;
  #position = 0;
  #end = 0;
  /** Within the chunk; of guest steps those that are no steps of their own. */
  #steps = 0;
  #extraIterations = 0;
  #memoryBytes = 0;

  /** @throws TraceError where there is not even an initial state */
  constructor(source: RecordsSource) {
    this.#source = source;
    const first = source.recordsChunk(0);
    if (first) this.#enter(first);
  }

  /** Steps so far: the number of the last one, counted from 1. */
  get step(): number {
    return (this.#chunk?.stepsBefore ?? 0) + this.#steps;
  }

  /** The same as the machine counts. */
  get guestStep(): number {
    return (this.#chunk?.guestStepsBefore ?? 0) + this.#steps + this.#extraIterations;
  }

  /**
   * The next record: its kind, with {@link words} and the fields of that kind up to date.
   * @throws TraceError where the trace is damaged there; what was read before holds
   */
  next(): RecordKind {
    const position = this.#position;
    if (position >= this.#end) return this.#nextChunk();
    this.systemChanged = false;
    if (this.#bytes[position]! >= SPECIAL) return this.#special(position);
    this.#applyStep(position);
    return STEP;
  }

  #nextChunk(): RecordKind {
    const chunk = this.#chunk;
    if (!chunk) return END;
    chunk.mustHold(this.#steps, this.#steps + this.#extraIterations);
    const next = this.#source.recordsChunk(this.#chunks);
    if (!next) return this.#leave();
    next.mustFollow(chunk, this.words);
    this.#enter(next);
    return this.next();
  }

  #leave(): RecordKind {
    this.systemChanged = false;
    return END;
  }

  #enter(chunk: RecordsChunk): void {
    this.#chunk = chunk;
    this.#chunks++;
    this.#bytes = chunk.bytes;
    this.#position = chunk.recordsStart;
    this.#end = chunk.recordsEnd;
    this.#steps = this.#extraIterations = 0;
    this.words.set(chunk.initial);
  }

  #special(position: number): RecordKind {
    this.iterations = 1;
    this.#position = position + 1;
    switch (this.#bytes[position]!) {
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
        return this.#malformed(`there is no record that begins with ${this.#bytes[position]}`);
    }
  }

  #prefixed(kind: RecordKind): RecordKind {
    const position = this.#position;
    if (position >= this.#end || this.#bytes[position]! >= SPECIAL)
      return this.#malformed('no step follows its prefix');
    this.#applyStep(position);
    return kind;
  }

  #repeat(): RecordKind {
    const list = new ListReader(this.#chunk!, this.#position);
    const iterations = list.number();
    this.#position = list.position;
    if (iterations === 0) this.#malformed('a repeat of no iterations');
    const kind = this.#prefixed(REPEAT);
    this.iterations = iterations;
    this.#extraIterations += iterations - 1;
    return kind;
  }

  /** Behind the chunk's end its bytes are 0, so that a step that is cut short ends there, and is noticed. */
  #applyStep(start: number): void {
    const bytes = this.#bytes;
    const words = this.words;
    let position = start;
    const tag = bytes[position++]!;
    const advance = tag & ADVANCE_MASK;
    if (advance !== 0) {
      words[RIP]! += advance;
    } else {
      let raw = bytes[position++]!;
      if (raw >= 0x80) {
        raw = this.#longVarint(raw, position);
        position = this.#position;
      }
      words[RIP]! += (raw >>> 1) ^ -(raw & 1);
    }
    if (tag & GENERAL_CHANGED) {
      let entry;
      do {
        entry = bytes[position++]!;
        const index = entry & WORD_MASK;
        const form = entry & FORM_MASK;
        if (form === FORM_DELTA || form === FORM_VALUE) {
          let raw = bytes[position++]!;
          if (raw >= 0x80) {
            raw = this.#longVarint(raw, position);
            position = this.#position;
          }
          words[index] = form === FORM_VALUE ? raw : words[index]! + ((raw >>> 1) ^ -(raw & 1));
        } else if (form === FORM_WORD) {
          words[index] =
            bytes[position]! |
            (bytes[position + 1]! << 8) |
            (bytes[position + 2]! << 16) |
            (bytes[position + 3]! << 24);
          position += 4;
        } else words[index] = 0;
      } while (entry >= MORE);
    }
    if (tag & FLAGS_CHANGED) {
      let raw = bytes[position++]!;
      if (raw >= 0x80) {
        raw = this.#longVarint(raw, position);
        position = this.#position;
      }
      words[RFLAGS]! ^= raw;
    }
    if (tag & OTHER_CHANGED) position = this.#applyOthers(position);
    if (position > this.#end) this.#malformed('a step reaches beyond its chunk');
    this.#position = position;
    this.#steps++;
  }

  #applyOthers(start: number): number {
    const bytes = this.#bytes;
    let position = start;
    let entry;
    do {
      entry = bytes[position++]!;
      const index = entry & OTHER_MASK;
      if (position > this.#end) this.#malformed('a step reaches beyond its chunk');
      if (index < FIRST_OTHER || index >= STATE_WORDS)
        this.#malformed(`word ${index} of the state is none of ${FIRST_OTHER} to ${STATE_WORDS - 1}`);
      if (index >= SEGMENTS) this.systemChanged = true;
      this.words[index] = wordAt(bytes, position);
      position += 4;
    } while (entry >= MORE);
    return position;
  }

  #readMemory(cause: MemoryCause): RecordKind {
    const list = new ListReader(this.#chunk!, this.#position);
    this.memory = list.memory();
    this.memoryCause = cause;
    for (const { bytes } of this.memory)
      this.#memoryBytes = this.#source.countMemory(this.#memoryBytes, this.#chunk!, bytes.length);
    this.#position = list.position;
    return MEMORY;
  }

  #readDigests(): RecordKind {
    const list = new ListReader(this.#chunk!, this.#position);
    this.digests = list.digests();
    this.#position = list.position;
    return DIGEST;
  }

  /** 32 bits, of which the first byte is read already; leaves the position behind them. */
  #longVarint(first: number, start: number): number {
    const bytes = this.#bytes;
    let position = start;
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = bytes[position++]!;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) {
        this.#position = position;
        return value;
      }
    }
    return this.#malformed('a number of more than 32 bits');
  }

  #malformed(what: string): never {
    throw this.#chunk!.malformed(what, this.#position);
  }
}
