/** Where the model parted from QEMU on a random sequence: which instruction of which sequence, and what each made of it. */
import { encodeHex, hex } from '../bits/hex.ts';
import type { ModelNote } from '../capture/follower.ts';
import { noteText } from '../capture/note-text.ts';
import { type FoundUnit, type Region, unitAt } from '../sequences/region.ts';
import type { Sequence } from '../sequences/sequence.ts';
import { END } from '../trace/record.ts';
import { TraceReader } from '../trace/trace-reader.ts';
import type { Bitness } from '../x86/execute/cpu.ts';
import {
  BASE,
  CS,
  GENERAL_NAMES,
  readField,
  RIP,
  segmentWord,
  STATE_FIELDS,
} from '../x86/state/state-layout.ts';

export interface SequenceDivergence {
  readonly note: ModelNote;
  /** The machine's states; absent for memory, which is only compared at the end. */
  readonly before?: Int32Array;
  readonly after?: Int32Array;
  /** Linear address of the instruction. */
  readonly linear?: number;
  /** Absent: the specimen's own code. */
  readonly found?: FoundUnit & { readonly bitness: Bitness };
}

/** @param baseOf linear address at which a region runs */
export function divergencesOf(
  trace: Uint8Array,
  notes: readonly ModelNote[],
  regions: readonly Region[],
  baseOf: (bitness: Bitness) => number,
): SequenceDivergence[] {
  const states = statesAt(trace, notes);
  return notes.map((note): SequenceDivergence => {
    const [before, after] = states.get(note) ?? [];
    if (!before || !after) return { note };
    const linear = ((before[RIP]! + before[segmentWord(CS) + BASE]!) | 0) >>> 0;
    const found = regions.flatMap((region) => {
      const unit = unitAt(region, linear - baseOf(region.bitness));
      return unit ? [{ ...unit, bitness: region.bitness }] : [];
    })[0];
    return { note, before, after, linear, ...(found ? { found } : {}) };
  });
}

function statesAt(
  trace: Uint8Array,
  notes: readonly ModelNote[],
): Map<ModelNote, readonly [Int32Array, Int32Array]> {
  const wanted = new Map<number, ModelNote>();
  for (const note of notes) {
    if (note.kind === 'state') wanted.set(note.step, note);
    // Told before the step is written.
    if (note.kind === 'stopped') wanted.set(note.step + 1, note);
  }
  const found = new Map<ModelNote, readonly [Int32Array, Int32Array]>();
  const cursor = new TraceReader(trace).cursor();
  let before = cursor.words.slice();
  let step = cursor.step;
  while (cursor.next() !== END) {
    if (cursor.step === step) continue;
    step = cursor.step;
    const note = wanted.get(step);
    if (note) found.set(note, [before, cursor.words.slice()]);
    if (note || wanted.has(step + 1)) before = cursor.words.slice();
  }
  return found;
}

/** @returns lines: the instruction, what QEMU changed, what the model has instead. */
export function divergenceText({ note, before, after, linear, found }: SequenceDivergence): string[] {
  if (!before || !after || linear === undefined) return [noteText(note)];
  const where = found
    ? `${found.bitness}-bit sequence ${found.sequenceIndex}, unit ${found.unitIndex}: ${found.sequence.units[
        found.unitIndex
      ]?.pieces
        .map(({ bytes, mnemonic }) => `${mnemonic} ${encodeHex(bytes)}`)
        .join('; ')}`
    : 'the specimen’s own code';
  return [
    `at ${hex(linear)}, ${where}`,
    `  before: ${STATE_FIELDS.slice(0, 18)
      .map(({ name }) => `${name}=${readField(before, name).toString(16)}`)
      .join(' ')}`,
    `  QEMU changed: ${changes(before, after)}`,
    `  model: ${noteText(note)}`,
  ];
}

/** @returns lines: a sequence's bytes, and what it begins with. */
export function sequenceText({ bitness, registers, flags, units }: Sequence): string[] {
  const values = registers.map((value, index) => `${GENERAL_NAMES[index]}=${value.toString(16)}`);
  return [
    `${bitness}-bit, rflags=${flags.toString(16)} ${values.join(' ')}`,
    ...units.flatMap(({ pieces }) =>
      pieces.map(({ bytes, mnemonic }) => `  ${encodeHex(bytes)}  ${mnemonic}`),
    ),
  ];
}

function changes(before: Int32Array, after: Int32Array): string {
  return STATE_FIELDS.map(({ name }) => ({
    name,
    was: readField(before, name),
    is: readField(after, name),
  }))
    .filter(({ was, is }) => was !== is)
    .map(({ name, was, is }) => `${name} ${was.toString(16)} → ${is.toString(16)}`)
    .join(', ');
}
