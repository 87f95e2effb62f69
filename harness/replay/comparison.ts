/** What is compared, and how: state words, memory, flags that no specification defines. */
import CRC32 from 'crc-32';
import type { MemoryDigest } from '../trace/record.ts';
import type { ExecutableInstruction } from '../x86/instruction.ts';
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { undefinedFlags } from '../x86/execute/undefined-flags.ts';
import { writeFlags } from '../x86/state/flags.ts';
import { readField, RFLAGS, STATE_FIELDS } from '../x86/state/state-layout.ts';
import type { Disagreement, FieldDifference } from './divergence.ts';

/** By field, as a reader thinks of the state, not by word. */
export function differences(actual: Int32Array, expected: Int32Array): FieldDifference[] {
  return STATE_FIELDS.map(({ name }) => ({
    name,
    expected: readField(expected, name),
    actual: readField(actual, name),
  })).filter((field) => field.expected !== field.actual);
}

/**
 * Where the model's flags differ from the recorded ones only in what the instruction leaves undefined, the recorded ones are
 * taken over, so that code which looks at them (none should) goes on as it did.
 * @returns whether that is so
 */
export function adoptUndefinedFlags(
  words: Int32Array,
  recorded: Int32Array,
  instruction: ExecutableInstruction,
): boolean {
  const differing = words[RFLAGS]! ^ recorded[RFLAGS]!;
  if ((differing & ~undefinedFlags(instruction)) !== 0) return false;
  writeFlags(words, recorded[RFLAGS]!);
  return true;
}

/** @returns the first range that holds something else. */
export function compareMemory(
  memory: PhysicalMemory,
  digests: readonly MemoryDigest[],
): Disagreement | undefined {
  for (const { address, sizeBytes, crc32 } of digests) {
    const actualCrc32 = CRC32.buf(memory.read(address, sizeBytes)) >>> 0;
    if (actualCrc32 !== crc32)
      return { kind: 'memory', address, sizeBytes, expectedCrc32: crc32, actualCrc32 };
  }
  return undefined;
}
