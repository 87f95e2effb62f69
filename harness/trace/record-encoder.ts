/** Writes records into the raw bytes of one chunk. */
import { KIB } from '../bits/align.ts';
import { GENERAL, RFLAGS, RIP, STATE_WORDS } from '../x86/state/state-layout.ts';
import type { MemoryDigest, MemoryRun } from './record.ts';
import {
  FIRST_OTHER,
  FLAGS_CHANGED,
  FORM_DELTA,
  FORM_VALUE,
  FORM_WORD,
  FORM_ZERO,
  GENERAL_CHANGED,
  MORE,
  OTHER_CHANGED,
} from './step-encoding.ts';

/** A chunk is given out once it holds this much; memory runs are cut into pieces of at most half of it. */
export const CHUNK_TARGET_BYTES = 256 * KIB;
export const MAX_RUN_BYTES = CHUNK_TARGET_BYTES / 2;
/** What one record may need beyond its memory bytes. */
const SLACK_BYTES = 16 * KIB;

const GENERAL_END = GENERAL + 32;

/** Keeps the state that its reader will have, and writes what differs. */
export class RecordEncoder {
  readonly #bytes = new Uint8Array(CHUNK_TARGET_BYTES + MAX_RUN_BYTES + SLACK_BYTES);
  readonly #before: Int32Array;
  #length = 0;

  /** @param initial the state before the first step; copied */
  constructor(initial: Int32Array) {
    this.#before = Int32Array.from(initial.subarray(0, STATE_WORDS));
  }

  /** The state after the last step. */
  get words(): Int32Array {
    return this.#before;
  }

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length >= CHUNK_TARGET_BYTES;
  }

  /** What was written since the last {@link reset}: valid until something else is. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
  }

  /** The one byte that makes the following step an input or an excursion. */
  prefix(special: number): void {
    this.#bytes[this.#length++] = special;
  }

  repeatPrefix(special: number, iterations: number): void {
    this.prefix(special);
    this.#wideVarint(iterations);
  }

  /** @param words the whole state after the step */
  step(words: Int32Array): void {
    const before = this.#before;
    const bytes = this.#bytes;
    const tagAt = this.#length++;
    const advance = (words[RIP]! - before[RIP]!) | 0;
    let tag = 0;
    if (advance >= 1 && advance <= 15) tag = advance;
    else this.#varint((advance << 1) ^ (advance >> 31));
    if (this.#general(words)) tag |= GENERAL_CHANGED;
    if (words[RFLAGS] !== before[RFLAGS]) {
      tag |= FLAGS_CHANGED;
      this.#varint(words[RFLAGS]! ^ before[RFLAGS]!);
    }
    if (this.#others(words)) tag |= OTHER_CHANGED;
    bytes[tagAt] = tag;
    before[RIP] = words[RIP]!;
    before[RFLAGS] = words[RFLAGS]!;
  }

  /** @param runs of at most {@link MAX_RUN_BYTES} together, each with bytes; at most 1024 */
  memory(special: number, runs: readonly MemoryRun[]): void {
    this.prefix(special);
    this.#wideVarint(runs.length);
    for (const { address, bytes } of runs) {
      this.#wideVarint(address);
      this.#wideVarint(bytes.length);
      this.#bytes.set(bytes, this.#length);
      this.#length += bytes.length;
    }
  }

  /** @param digests at most 512 */
  digest(special: number, digests: readonly MemoryDigest[]): void {
    this.prefix(special);
    this.#wideVarint(digests.length);
    for (const { address, sizeBytes, crc32 } of digests) {
      this.#wideVarint(address);
      this.#wideVarint(sizeBytes);
      this.#word(crc32);
    }
  }

  #general(words: Int32Array): boolean {
    const before = this.#before;
    let lastAt = -1;
    for (let index = GENERAL; index < GENERAL_END; index++) {
      const value = words[index]!;
      if (value === before[index]) continue;
      lastAt = this.#length;
      this.#generalWord(index, value, before[index]!);
      before[index] = value;
    }
    if (lastAt >= 0) this.#bytes[lastAt]! &= ~MORE;
    return lastAt >= 0;
  }

  #generalWord(index: number, value: number, before: number): void {
    const delta = (value - before) | 0;
    const zigzag = (delta << 1) ^ (delta >> 31);
    const at = this.#length++;
    const form = cheapestForm(value, zigzag);
    this.#bytes[at] = index | form | MORE;
    if (form === FORM_DELTA) this.#varint(zigzag);
    else if (form === FORM_VALUE) this.#varint(value);
    else if (form === FORM_WORD) this.#word(value);
  }

  #others(words: Int32Array): boolean {
    const before = this.#before;
    let lastAt = -1;
    for (let index = FIRST_OTHER; index < STATE_WORDS; index++) {
      const value = words[index]!;
      if (value === before[index] || index === RFLAGS) continue;
      lastAt = this.#length;
      this.#bytes[this.#length++] = index | MORE;
      this.#word(value);
      before[index] = value;
    }
    if (lastAt >= 0) this.#bytes[lastAt]! &= ~MORE;
    return lastAt >= 0;
  }

  #word(value: number): void {
    const bytes = this.#bytes;
    const at = this.#length;
    bytes[at] = value;
    bytes[at + 1] = value >>> 8;
    bytes[at + 2] = value >>> 16;
    bytes[at + 3] = value >>> 24;
    this.#length = at + 4;
  }

  /** The 32 bits of `value`, unsigned. */
  #varint(value: number): void {
    const bytes = this.#bytes;
    let at = this.#length;
    let rest = value >>> 0;
    while (rest >= 0x80) {
      bytes[at++] = rest | 0x80;
      rest >>>= 7;
    }
    bytes[at++] = rest;
    this.#length = at;
  }

  /** Below 2^53. */
  #wideVarint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }
}

/** The shortest; of two that are as short the difference, since the turns of a loop have it in common. */
function cheapestForm(value: number, zigzag: number): number {
  if (value === 0) return FORM_ZERO;
  const deltaBytes = varintBytes(zigzag);
  const valueBytes = varintBytes(value);
  if (deltaBytes <= 4 && deltaBytes <= valueBytes) return FORM_DELTA;
  return valueBytes <= 3 ? FORM_VALUE : FORM_WORD;
}

function varintBytes(value: number): number {
  const unsigned = value >>> 0;
  if (unsigned < 0x80) return 1;
  if (unsigned < 0x4000) return 2;
  if (unsigned < 0x20_0000) return 3;
  return unsigned < 0x1000_0000 ? 4 : 5;
}
