/**
 * Where two traces of the same boot part: of one captured through the log and one captured by stepping, say. Steps are
 * compared, with kind, iterations and whole state after each. Memory and digests are not: which bytes a capture had to look up,
 * and when, is its own affair.
 */
import { STATE_FIELDS, STATE_WORDS } from '../x86/state/state-layout.ts';
import { END, INPUT, isStepKind, RECORD_NAMES, REPEAT, type RecordKind } from './record.ts';
import type { StepCursor } from './step-cursor.ts';
import type { TraceReader } from './trace-reader.ts';

/** One register that is not the same; unsigned. */
export interface FieldDifference {
  /** As in STATE_FIELDS, e.g. `cs.base`. */
  readonly name: string;
  readonly left: bigint;
  readonly right: bigint;
}

/** Steps count from 1; 0 is the initial state. */
export type TraceDifference =
  | { readonly kind: 'state'; readonly step: number; readonly fields: readonly FieldDifference[] }
  /** One is a `repeat` where the other is a `step`, or one has ended. */
  | { readonly kind: 'record'; readonly step: number; readonly left: string; readonly right: string }
  | { readonly kind: 'iterations'; readonly step: number; readonly left: number; readonly right: number };

export interface ComparisonOptions {
  /**
   * What an input put into a register may differ (a time stamp), until both traces agree on that word again. What was computed
   * from it is still compared.
   */
  readonly excuseInputs?: boolean;
}

/**
 * Undefined where all steps are the same.
 * @throws TraceError where one of them is damaged before they differ
 */
export function firstDifference(
  left: TraceReader,
  right: TraceReader,
  options: ComparisonOptions = {},
): TraceDifference | undefined {
  const [a, b] = [left.cursor(), right.cursor()];
  const excused = new Uint8Array(STATE_WORDS);
  const atStart = stateDifference(a, b, excused);
  if (atStart) return atStart;
  for (;;) {
    const kind = nextStep(a);
    const other = nextStep(b);
    if (kind === END && other === END) return undefined;
    const record = recordDifference(kind, other, a, b);
    if (record) return record;
    if (kind === INPUT && options.excuseInputs === true) excuse(a.words, b.words, excused);
    const state = stateDifference(a, b, excused);
    if (state) return state;
  }
}

function nextStep(cursor: StepCursor): RecordKind {
  let kind = cursor.next();
  while (!isStepKind(kind) && kind !== END) kind = cursor.next();
  return kind;
}

function recordDifference(
  left: RecordKind,
  right: RecordKind,
  a: StepCursor,
  b: StepCursor,
): TraceDifference | undefined {
  const step = Math.max(a.step, b.step);
  if (left !== right) return { kind: 'record', step, left: RECORD_NAMES[left], right: RECORD_NAMES[right] };
  if (left === REPEAT && a.iterations !== b.iterations)
    return { kind: 'iterations', step, left: a.iterations, right: b.iterations };
  return undefined;
}

function excuse(left: Int32Array, right: Int32Array, excused: Uint8Array): void {
  for (let word = 0; word < STATE_WORDS; word++) if (left[word] !== right[word]) excused[word] = 1;
}

function stateDifference(a: StepCursor, b: StepCursor, excused: Uint8Array): TraceDifference | undefined {
  let differs = false;
  for (let word = 0; word < STATE_WORDS; word++) {
    if (a.words[word] === b.words[word]) excused[word] = 0;
    else if (excused[word] === 0) differs = true;
  }
  if (!differs) return undefined;
  return { kind: 'state', step: a.step, fields: differingFields(a.words, b.words, excused) };
}

/** All registers that two states do not have in common. @param excused words that are not looked at, where not 0 */
export function differingFields(
  left: Int32Array,
  right: Int32Array,
  excused: Uint8Array = new Uint8Array(STATE_WORDS),
): FieldDifference[] {
  const differs = (word: number): boolean => left[word] !== right[word] && excused[word] === 0;
  return STATE_FIELDS.filter(({ word, isWide }) => differs(word) || (isWide && differs(word + 1))).map(
    ({ name, word, isWide }) => ({
      name,
      left: valueOf(left, word, isWide),
      right: valueOf(right, word, isWide),
    }),
  );
}

function valueOf(words: Int32Array, word: number, isWide: boolean): bigint {
  const low = BigInt(words[word]! >>> 0);
  return isWide ? low | (BigInt(words[word + 1]! >>> 0) << 32n) : low;
}
