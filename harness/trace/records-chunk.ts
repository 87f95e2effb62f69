/** One inflated chunk of records: where its steps begin and in which state. */
import { STATE_WORDS } from '../x86/state/state-layout.ts';
import { RECORDS_PROLOGUE_BYTES, viewOf } from './file-layout.ts';
import { TraceMalformedError } from './trace-errors.ts';

/** Zeros behind the records, so that reading a step needs no look at the end: more than a step's fixed parts. */
const PADDING_BYTES = 64;

export class RecordsChunk {
  /** The records, then zeros. */
  readonly bytes: Uint8Array;
  readonly recordsStart = RECORDS_PROLOGUE_BYTES;
  readonly recordsEnd: number;
  readonly stepsBefore: number;
  readonly guestStepsBefore: number;
  readonly steps: number;
  readonly guestSteps: number;
  /** The state before its first record. */
  readonly initial = new Int32Array(STATE_WORDS);

  /** @throws TraceMalformedError where the bytes cannot be a chunk of records */
  constructor(
    raw: Uint8Array,
    /** The chunk's number in the file, and its place. */
    readonly index: number,
    readonly filePosition: number,
  ) {
    if (raw.length < RECORDS_PROLOGUE_BYTES) throw this.malformed('too short for records');
    this.bytes = new Uint8Array(raw.length + PADDING_BYTES);
    this.bytes.set(raw);
    this.recordsEnd = raw.length;
    const view = viewOf(raw);
    const count = (at: number): number => Number(view.getBigUint64(at, true));
    [this.stepsBefore, this.guestStepsBefore] = [count(0), count(8)];
    [this.steps, this.guestSteps] = [count(16), count(24)];
    if (!Number.isSafeInteger(this.guestStepsBefore + this.guestSteps + this.stepsBefore + this.steps))
      throw this.malformed('counts beyond 2^53');
    for (let word = 0; word < STATE_WORDS; word++) this.initial[word] = view.getInt32(32 + 4 * word, true);
  }

  /** @throws TraceMalformedError where its records were others than it says */
  mustHold(steps: number, guestSteps: number): void {
    if (steps !== this.steps || guestSteps !== this.guestSteps)
      throw this.malformed(
        `it says ${this.steps} steps (${this.guestSteps} of the guest) and holds ${steps} (${guestSteps})`,
      );
  }

  /** @param words the state after the last record of `before` @throws TraceMalformedError where it cannot follow */
  mustFollow(before: RecordsChunk, words: Int32Array): void {
    if (
      this.stepsBefore !== before.stepsBefore + before.steps ||
      this.guestStepsBefore !== before.guestStepsBefore + before.guestSteps
    )
      throw this.malformed('its first step is not the one after the last chunk’s');
    const word = this.initial.findIndex((value, index) => value !== words[index]);
    if (word >= 0) throw this.malformed(`word ${word} of the state is another than the last chunk left`);
  }

  malformed(what: string, offset?: number): TraceMalformedError {
    return new TraceMalformedError(what, this.filePosition, this.index, offset);
  }
}
