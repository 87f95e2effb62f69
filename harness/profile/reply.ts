/** A firmware's reply: taken from a captured call, and given to a caller that may be elsewhere. */
import { hex } from '../bits/hex.ts';
import type { MemoryRun } from '../trace/record.ts';
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { readField, RFLAGS, writeField } from '../x86/state/state-layout.ts';
import type { FirmwareReply, ReplyRegister, ReplyWrite } from './machine-profile.ts';
import { knownRuns } from './known-memory.ts';
import type { AnswerPlace, Question } from './question.ts';

/** CF PF AF ZF SF OF. */
export const ARITHMETIC_FLAGS = 0x8d5;
const WIDE_BYTES = 8;

/** Where the image lies, for addresses within it. */
export interface ImagePlace {
  readonly loadBase: number;
  readonly sizeBytes: number;
}

/** A captured call cannot be told in terms of its arguments. */
export class CallNotUnderstoodError extends Error {
  override readonly name = 'CallNotUnderstoodError';
  constructor(question: string, why: string) {
    super(`${question}: ${why}; describe its arguments in harness/profile`);
  }
}

export interface CapturedCall {
  readonly question: Question;
  readonly before: Int32Array;
  readonly after: Int32Array;
  /** What the call has changed, as far as anybody looks at it. */
  readonly changes: readonly MemoryRun[];
  /** As the call left it. */
  readonly memory: PhysicalMemory;
  /** Registers that any call changes: those of the return. */
  readonly ignored: ReadonlySet<string>;
}

/** @throws CallNotUnderstoodError where it wrote to memory of the image that no argument points to */
export function replyOf(call: CapturedCall, image: ImagePlace): FirmwareReply {
  const { question, before, after } = call;
  const differing = before[RFLAGS]! ^ after[RFLAGS]!;
  return {
    question: question.text,
    registers: registersOf(call, image),
    flags: { value: after[RFLAGS]! >>> 0, mask: (ARITHMETIC_FLAGS | differing) >>> 0 },
    writes: [
      ...question.places.flatMap((place) => writesThrough(place, call, image)),
      ...otherWrites(call, image),
    ],
  };
}

function registersOf({ question, before, after, ignored }: CapturedCall, image: ImagePlace): ReplyRegister[] {
  const fields = new Set([...question.outputs.map(({ name }) => name), ...GENERAL_FIELDS]);
  return [...fields].flatMap((name): ReplyRegister[] => {
    const [old, value] = [readField(before, name), readField(after, name)];
    const output = question.outputs.find((each) => each.name === name);
    if (ignored.has(name) || (!output && old === value)) return [];
    const bits = Math.max(output?.bits ?? 16, bitsChanged(old, value)) as 16 | 32 | 64;
    const isMoved = bits !== 16 && isWithin(value, image);
    return [{ name, bits, value: BigInt.asUintN(bits, value), ...(isMoved ? { isMoved } : {}) }];
  });
}

const GENERAL_FIELDS = [
  'rax',
  'rcx',
  'rdx',
  'rbx',
  'rbp',
  'rsi',
  'rdi',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
];

function bitsChanged(old: bigint, value: bigint): 16 | 32 | 64 {
  const differing = old ^ value;
  return differing >> 32n !== 0n ? 64 : differing >> 16n !== 0n ? 32 : 16;
}

function writesThrough(place: AnswerPlace, { memory }: CapturedCall, image: ImagePlace): ReplyWrite[] {
  const { through, address } = place;
  return knownRuns(memory, address, place.sizeBytes(memory)).map((run) => ({
    ...{ through, at: run.address - address, bytes: run.bytes },
    ...movedIn(run, image),
  }));
}

/** The firmware’s own memory; scratch means nothing, and what goes through an argument is told already. */
function otherWrites({ question, changes, memory }: CapturedCall, image: ImagePlace): ReplyWrite[] {
  const told = [
    question.scratch,
    ...question.places.map((place) => ({
      start: place.address,
      end: place.address + place.sizeBytes(memory),
    })),
  ];
  return changes
    .flatMap((run) => told.reduce((runs, range) => runs.flatMap((each) => outside(each, range)), [run]))
    .map((run) => {
      if (isWithin(BigInt(run.address), image))
        throw new CallNotUnderstoodError(
          question.text,
          `it wrote ${run.bytes.length} bytes at ${hex(run.address)}, in the image, where no argument points`,
        );
      return { through: 'memory', at: run.address, bytes: run.bytes, ...movedIn(run, image) };
    });
}

/** The parts of a run that are not in the range. */
function outside({ address, bytes }: MemoryRun, { start, end }: { start: number; end: number }): MemoryRun[] {
  const stop = address + bytes.length;
  if (stop <= start || address >= end) return [{ address, bytes }];
  return [
    ...(address < start ? [{ address, bytes: bytes.subarray(0, start - address) }] : []),
    ...(stop > end ? [{ address: end, bytes: bytes.subarray(end - address) }] : []),
  ];
}

/** Aligned 64-bit values that are addresses within the image. */
function movedIn({ address, bytes }: MemoryRun, image: ImagePlace): { moved?: number[] } {
  const view = Buffer.from(bytes);
  const moved: number[] = [];
  for (
    let at = (WIDE_BYTES - (address % WIDE_BYTES)) % WIDE_BYTES;
    at + WIDE_BYTES <= bytes.length;
    at += WIDE_BYTES
  )
    if (isWithin(view.readBigUInt64LE(at), image)) moved.push(at);
  return moved.length > 0 ? { moved } : {};
}

function isWithin(value: bigint, { loadBase, sizeBytes }: ImagePlace): boolean {
  return value >= BigInt(loadBase) && value < BigInt(loadBase + sizeBytes);
}

/**
 * Writes what the reply says. Registers go into `words`, flags and the return are the caller's to do.
 * @param distance from the captured base to the one at hand
 */
export function applyReply(
  { registers, writes }: FirmwareReply,
  { places }: Question,
  words: Int32Array,
  memory: PhysicalMemory,
  distance: number,
): void {
  for (const { name, bits, value, isMoved } of registers) {
    const moved = isMoved ? value + BigInt(distance) : value;
    const kept = bits === 64 ? 0n : (readField(words, name) >> BigInt(bits)) << BigInt(bits);
    writeField(words, name, kept | BigInt.asUintN(bits, moved));
  }
  for (const { through, at, bytes, moved } of writes) {
    const origin = through === 'memory' ? 0 : places.find((place) => place.through === through)?.address;
    // A null pointer where the captured one was none makes another question.
    if (origin === undefined) continue;
    memory.load(origin + at, moved ? movedBytes(bytes, moved, distance) : bytes);
  }
}

function movedBytes(bytes: Uint8Array, moved: readonly number[], distance: number): Uint8Array {
  const copy = Buffer.from(bytes);
  for (const at of moved)
    copy.writeBigUInt64LE(BigInt.asUintN(64, copy.readBigUInt64LE(at) + BigInt(distance)), at);
  return copy;
}
