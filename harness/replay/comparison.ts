/** What is compared, and how: state words, memory, and what no specification defines. */
import CRC32 from 'crc-32';
import type { MemoryDigest } from '../trace/record.ts';
import type { ExecutableInstruction } from '../x86/instruction.ts';
import type { Bitness, Cpu } from '../x86/execute/cpu.ts';
import type { StopReason } from '../x86/execute/stop.ts';
import { PAGE_BYTES, type PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { undefinedFlags } from '../x86/execute/undefined-flags.ts';
import { readFlags, writeFlags } from '../x86/state/flags.ts';
import {
  CR2,
  GENERAL,
  readField,
  RFLAGS,
  SEGMENTS,
  STATE_FIELDS,
  STATE_WORDS,
} from '../x86/state/state-layout.ts';
import type { Disagreement, FieldDifference } from './divergence.ts';

const R8 = GENERAL + 2 * 8;
const GENERAL_END = GENERAL + 2 * 16;

export interface Executed {
  readonly instruction: ExecutableInstruction;
  /** The state before it; of the general registers at least RCX. */
  readonly before: Int32Array;
}

/**
 * Compares the model's state with the recorded one after an instruction. What the specification leaves undefined is taken
 * over from the recording, so that code which looks at it (none should) goes on as it did.
 * @param bitnessBefore the code segment's, before the instruction
 * @param executed asked only where they differ
 */
export function agrees(
  cpu: Cpu,
  recorded: Int32Array,
  bitnessBefore: Bitness,
  executed: () => Executed | undefined,
): boolean {
  const { words } = cpu;
  readFlags(words);
  if (firstDifference(words, recorded) === STATE_WORDS) return true;
  if ((bitnessBefore === 64) !== (cpu.bitness === 64)) adoptHiddenRegisters(words, recorded);
  // QEMU's monitor shows the upper half in long mode only, and no code outside 64-bit mode can ask for it.
  if (cpu.bitness !== 64) words[CR2 + 1] = recorded[CR2 + 1]!;
  const word = firstDifference(words, recorded);
  if (word === STATE_WORDS) return true;
  if (word !== RFLAGS || !adoptUndefinedFlags(words, recorded, executed())) return false;
  return firstDifference(words, recorded) === STATE_WORDS;
}

/**
 * Only general registers, RIP and RFLAGS: enough where neither the recorded instruction nor the model's was of a kind that
 * changes others. All are compared at the end of each block, so that nothing goes unnoticed for longer.
 */
export function agreesInGeneral({ words }: Cpu, recorded: Int32Array): boolean {
  readFlags(words);
  for (let word = GENERAL; word < SEGMENTS; word++) if (words[word] !== recorded[word]) return false;
  return true;
}

function firstDifference(words: Int32Array, recorded: Int32Array): number {
  let word = 0;
  while (word < STATE_WORDS && words[word] === recorded[word]) word++;
  return word;
}

/**
 * Outside 64-bit mode neither R8 to R15 nor upper halves can be seen, by the guest or by QEMU's monitor; across a switch
 * nobody may rely on them (SDM 1 §3.4.1.1).
 */
function adoptHiddenRegisters(words: Int32Array, recorded: Int32Array): void {
  for (let word = GENERAL; word < GENERAL_END; word++)
    if (word >= R8 || (word & 1) === 1) words[word] = recorded[word]!;
}

function adoptUndefinedFlags(
  words: Int32Array,
  recorded: Int32Array,
  executed: Executed | undefined,
): boolean {
  const differing = words[RFLAGS]! ^ recorded[RFLAGS]!;
  if (!executed || (differing & ~undefinedFlags(executed.instruction, executed.before)) !== 0) return false;
  writeFlags(words, recorded[RFLAGS]!);
  return true;
}

/** By field, as a reader thinks of the state, not by word. */
export function differences(actual: Int32Array, expected: Int32Array): FieldDifference[] {
  return STATE_FIELDS.map(({ name }) => ({
    name,
    expected: readField(expected, name),
    actual: readField(actual, name),
  })).filter((field) => field.expected !== field.actual);
}

/** @returns the first range that holds something else, or that is not known as a whole. */
export function compareMemory(
  memory: PhysicalMemory,
  digests: readonly MemoryDigest[],
): Disagreement | undefined {
  for (const { address, sizeBytes, crc32 } of digests) {
    const actual = knownDigest(memory, address, sizeBytes);
    if (typeof actual !== 'number') return { kind: 'stopped', reason: actual };
    if (actual !== crc32)
      return { kind: 'memory', address, sizeBytes, expectedCrc32: crc32, actualCrc32: actual };
  }
  return undefined;
}

/** Page by page, and no further than is known: the size is whatever a file says. */
function knownDigest(memory: PhysicalMemory, address: number, sizeBytes: number): number | StopReason {
  let crc = 0;
  for (let at = address; at < address + sizeBytes;) {
    const [frame, offset] = [Math.floor(at / PAGE_BYTES), at % PAGE_BYTES];
    const length = Math.min(PAGE_BYTES - offset, address + sizeBytes - at);
    const page = memory.has(frame) ? memory.page(frame) : undefined;
    if (!page || page.known?.subarray(offset, offset + length).includes(0))
      return { kind: 'unknown memory', physical: at, sizeBytes: length };
    crc = CRC32.buf(page.bytes.subarray(offset, offset + length), crc);
    at += length;
  }
  return crc >>> 0;
}
