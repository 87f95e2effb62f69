/** Calls of UEFI services, from the state at a service's first instruction (UEFI Specification 2.10 §2.3.4: x64 calls). */
import { hex } from '../bits/hex.ts';
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import { readField } from '../x86/state/state-layout.ts';
import { GUID_NAMES, type Parameter } from './efi-services.ts';
import type { EfiFunctions } from './efi-tables.ts';
import type { Through } from './machine-profile.ts';
import type { AnswerPlace, Question } from './question.ts';

const IN_REGISTERS = ['rcx', 'rdx', 'r8', 'r9'] as const;
/** What a service may change (§2.3.4.1); RAX is its status. */
const VOLATILE = ['rax', 'rcx', 'rdx', 'r8', 'r9', 'r10', 'r11'] as const;
const WORD_BYTES = 8;
/** Below the caller's stack; firmware has 128 KiB of it (§2.3.4). */
const STACK_BYTES = 128 * 1024;
/** Of the caller's frames. */
const CALLER_BYTES = 4096;
/** Beyond any memory: no pointer. */
const MAX_ADDRESS = 1n << 46n;
const MAX_TEXT = 200;
/** What one call may write: no memory map is larger. */
const MAX_BUFFER_BYTES = 1 << 20;

/** @returns undefined where control is at none of the functions */
export function efiQuestion(
  words: Int32Array,
  memory: PhysicalMemory,
  functions: EfiFunctions,
): Question | undefined {
  const service = functions.at(Number(readField(words, 'rip')));
  if (!service) return undefined;
  const stack = Number(readField(words, 'rsp'));
  const values = service.parameters.map((_, index) => argument(words, memory, index));
  const texts = service.parameters.map((parameter, index) => argumentText(parameter, values[index]!, memory));
  return {
    text: `EFI ${service.name}(${texts.join(', ')})`,
    places: service.parameters.flatMap((parameter, index) => placesOf(parameter, index, values)),
    outputs: VOLATILE.map((name) => ({ name, bits: 64 })),
    // In the caller's own frames nothing is written but through arguments; what else changed there is the frame of a timer
    // interrupt that hit the caller, below what its stack pointer was then.
    scratch: { start: stack - STACK_BYTES, end: stack + CALLER_BYTES },
  };
}

/** From 0 on. */
function argument(words: Int32Array, memory: PhysicalMemory, index: number): bigint {
  const register = IN_REGISTERS[index];
  if (register) return readField(words, register);
  const stack = Number(readField(words, 'rsp'));
  return readWide(memory, stack + WORD_BYTES * (1 + index));
}

function argumentText(parameter: Parameter, value: bigint, memory: PhysicalMemory): string {
  if (parameter.kind === 'any') return '_';
  if (parameter.kind === 'value') return hex(value, 1);
  if (value === 0n) return 'null';
  if (value >= MAX_ADDRESS) return `wild pointer ${hex(value)}`;
  switch (parameter.kind) {
    case 'guid':
      return guidText(memory.read(Number(value), 16));
    case 'string':
      return JSON.stringify(stringAt(memory, Number(value)));
    case 'inout':
      return `pointer to ${hex(readWide(memory, Number(value)), 1)}`;
    case 'out':
    case 'buffer':
      return 'pointer';
  }
}

function placesOf(parameter: Parameter, index: number, values: readonly bigint[]): AnswerPlace[] {
  const value = values[index]!;
  if (value === 0n || value >= MAX_ADDRESS) return [];
  const through = `argument ${index + 1}` as Through;
  const address = Number(value);
  if (parameter.kind === 'out' || parameter.kind === 'inout')
    return [{ through, address, sizeBytes: () => parameter.sizeBytes }];
  if (parameter.kind !== 'buffer') return [];
  const size = values[parameter.sizeAt];
  if (size === undefined || size === 0n || size >= MAX_ADDRESS) return [];
  return [
    {
      ...{ through, address },
      sizeBytes: (memory) => Math.min(Number(readWide(memory, Number(size))), MAX_BUFFER_BYTES),
    },
  ];
}

/** As the specification writes it, with its protocol’s name where we know one. */
export function guidText(bytes: Uint8Array): string {
  const guid = guidOf(bytes);
  const name = GUID_NAMES[guid];
  return name === undefined ? guid : `${guid} (${name})`;
}

/** §A: the first three fields are little-endian. @param bytes 16 of them */
export function guidOf(bytes: Uint8Array): string {
  const digits = (from: number, to: number, isReversed: boolean): string => {
    const part = Buffer.from(bytes.subarray(from, to));
    return (isReversed ? part.reverse() : part).toString('hex');
  };
  return [
    digits(0, 4, true),
    digits(4, 6, true),
    digits(6, 8, true),
    digits(8, 10, false),
    digits(10, 16, false),
  ].join('-');
}

function stringAt(memory: PhysicalMemory, address: number): string {
  const text = Buffer.from(memory.read(address, 2 * MAX_TEXT)).toString('utf16le');
  const end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

export function readWide(memory: PhysicalMemory, at: number): bigint {
  return Buffer.from(memory.read(at, WORD_BYTES)).readBigUInt64LE();
}
