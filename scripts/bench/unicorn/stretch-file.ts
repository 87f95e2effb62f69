/**
 * What stretch.c reads: words of 32 bits, low byte first. Magic; runs to warm up, runs to measure; EAX ECX EDX EBX ESP EBP
 * ESI EDI; EIP, EFLAGS; GDTR's base and limit; ES CS SS DS FS GS (selector, attributes; 0 for none); the end; the watched
 * range's start and end; how many inputs, how many regions; each input (where, EAX EBX ECX EDX after it, where next); each
 * region (address, size in bytes, bytes).
 */
import {
  ATTRIBUTES,
  BASE,
  GDTR,
  GENERAL,
  LIMIT,
  RFLAGS,
  RIP,
  SEGMENT_NAMES,
  segmentWord,
  SELECTOR,
} from '../../../harness/x86/state/state-layout.ts';
import { endOf, type Stretch, StretchError } from './stretch.ts';

/** `LBS1` */
const MAGIC = 0x3153_424c;
const GENERAL_REGISTERS = 8;
const CODE_AND_DATA = 6;
const ALL = 0xffff_ffff;
const [EAX, ECX, EDX, EBX] = [GENERAL, GENERAL + 2, GENERAL + 4, GENERAL + 6];

export interface Runs {
  /** To warm up: they do not count. */
  readonly warmUp: number;
  /** At least 1. */
  readonly measured: number;
}

/** @throws RangeError where nothing would be measured; StretchError where a segment is not flat */
export function encodeStretch(stretch: Stretch, runs: Runs): Uint8Array {
  if (runs.measured < 1) throw new RangeError(`${runs.measured} runs measure nothing: ask for at least 1`);
  const { initial, inputs, memory, linked } = stretch;
  const head = [
    ...[MAGIC, runs.warmUp, runs.measured],
    ...generalOf(initial),
    ...[initial[RIP]!, initial[RFLAGS]!, initial[GDTR]!, initial[GDTR + 2]!],
    ...SEGMENT_NAMES.slice(0, CODE_AND_DATA).flatMap((_, index) => segmentIn(initial, index)),
    ...[endOf(stretch), linked.start, linked.end, inputs.length, memory.length],
    ...inputs.flatMap(({ at, after }) => [
      at,
      after[EAX]!,
      after[EBX]!,
      after[ECX]!,
      after[EDX]!,
      after[RIP]!,
    ]),
  ];
  const regions = memory.flatMap(({ address, bytes }) => [wordsOf([address, bytes.length]), bytes]);
  return Buffer.concat([wordsOf(head), ...regions]);
}

/** EAX ECX EDX EBX ESP EBP ESI EDI, unsigned. */
export function generalOf(state: Int32Array): number[] {
  return Array.from({ length: GENERAL_REGISTERS }, (_, index) => state[GENERAL + 2 * index]! >>> 0);
}

function segmentIn(state: Int32Array, index: number): [selector: number, attributes: number] {
  const word = segmentWord(index);
  const [selector, attributes] = [state[word + SELECTOR]!, state[word + ATTRIBUTES]!];
  if (attributes !== 0 && (state[word + BASE] !== 0 || state[word + LIMIT]! >>> 0 !== ALL))
    throw new StretchError(`${SEGMENT_NAMES[index]} is not flat where the stretch begins`);
  return [selector, attributes];
}

function wordsOf(words: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * words.length);
  for (const [index, word] of words.entries()) bytes.writeUInt32LE(word >>> 0, 4 * index);
  return bytes;
}
