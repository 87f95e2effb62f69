/** Applies steps, one after another, to an array of state words in place. The fast half of a cursor: no objects. */
import { RFLAGS, RIP, SEGMENTS, STATE_WORDS } from '../x86/state/state-layout.ts';
import { wordAt } from './list-reader.ts';
import type { RecordsChunk } from './records-chunk.ts';
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
  WORD_MASK,
} from './step-encoding.ts';

export class StepDecoder {
  readonly words = new Int32Array(STATE_WORDS);
  /** Whether a word beyond general registers, RIP and RFLAGS changed; set, never cleared here. */
  systemChanged = false;
  chunk: RecordsChunk;
  bytes: Uint8Array;
  position = 0;
  end = 0;

  constructor(chunk: RecordsChunk) {
    this.chunk = chunk;
    this.bytes = chunk.bytes;
    this.enter(chunk);
  }

  /** Goes on with another chunk, in the state where that begins. */
  enter(chunk: RecordsChunk): void {
    this.chunk = chunk;
    this.bytes = chunk.bytes;
    this.position = chunk.recordsStart;
    this.end = chunk.recordsEnd;
    this.words.set(chunk.initial);
  }

  /**
   * Applies the step at the position. Behind the chunk's end its bytes are 0, so that a step that is cut short ends there, and
   * is noticed afterwards.
   * @throws TraceMalformedError
   */
  applyStep(): void {
    const words = this.words;
    const tag = this.bytes[this.position++]!;
    const advance = tag & ADVANCE_MASK;
    words[RIP]! += advance === 0 ? signed(this.#varint()) : advance;
    if (tag & GENERAL_CHANGED) this.#applyGeneral();
    if (tag & FLAGS_CHANGED) words[RFLAGS]! ^= this.#varint();
    if (tag & OTHER_CHANGED) this.#applyOthers();
    if (this.position > this.end) this.malformed('a step reaches beyond its chunk');
  }

  malformed(what: string): never {
    throw this.chunk.malformed(what, this.position);
  }

  #applyGeneral(): void {
    const { words, bytes } = this;
    let entry: number;
    do {
      entry = bytes[this.position++]!;
      const index = entry & WORD_MASK;
      const form = entry & FORM_MASK;
      if (form === FORM_DELTA) words[index]! += signed(this.#varint());
      else if (form === FORM_VALUE) words[index] = this.#varint();
      else if (form === FORM_WORD) words[index] = this.#word();
      else words[index] = 0;
    } while (entry >= MORE);
  }

  #applyOthers(): void {
    const bytes = this.bytes;
    let entry: number;
    do {
      entry = bytes[this.position++]!;
      const index = entry & OTHER_MASK;
      if (this.position > this.end) this.malformed('a step reaches beyond its chunk');
      if (index < FIRST_OTHER || index >= STATE_WORDS)
        this.malformed(`word ${index} of the state is none of ${FIRST_OTHER} to ${STATE_WORDS - 1}`);
      if (index >= SEGMENTS) this.systemChanged = true;
      this.words[index] = this.#word();
    } while (entry >= MORE);
  }

  #word(): number {
    const value = wordAt(this.bytes, this.position);
    this.position += 4;
    return value;
  }

  /** 32 bits, as a signed number. */
  #varint(): number {
    const first = this.bytes[this.position++]!;
    return first < 0x80 ? first : this.#longVarint(first);
  }

  #longVarint(first: number): number {
    let value = first & 0x7f;
    for (let shift = 7; shift < 35; shift += 7) {
      const byte = this.bytes[this.position++]!;
      if (shift === 28 && byte > 0x0f) break;
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return this.malformed('a number of more than 32 bits');
  }
}

/** Of zigzag: 0, -1, 1, -2 … are 0, 1, 2, 3 … */
function signed(zigzag: number): number {
  return (zigzag >>> 1) ^ -(zigzag & 1);
}
