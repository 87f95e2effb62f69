/** Software interrupts to a BIOS, from the state at the first instruction of its handler. */
import { hex } from '../bits/hex.ts';
import type { PhysicalMemory } from '../x86/memory/physical-memory.ts';
import {
  BASE,
  CS,
  DS,
  ES,
  GENERAL,
  GENERAL_NAMES,
  RIP,
  SEGMENTS,
  segmentWord,
  SEGMENT_WORDS,
  SS,
} from '../x86/state/state-layout.ts';
import type { Through } from './machine-profile.ts';
import type { AnswerPlace, Question } from './question.ts';

/** A register or part of it as assemblers name it: which general register, at which bit, how many. */
const PARTS: Readonly<Record<string, readonly [register: number, shift: number, bits: number]>> = {
  ...{ EAX: [0, 0, 32], ECX: [1, 0, 32], EDX: [2, 0, 32], EBX: [3, 0, 32] },
  ...{ AX: [0, 0, 16], CX: [1, 0, 16], DX: [2, 0, 16], BX: [3, 0, 16], SI: [6, 0, 16], DI: [7, 0, 16] },
  ...{ AL: [0, 0, 8], DL: [2, 0, 8], BL: [3, 0, 8], AH: [0, 8, 8], BH: [3, 8, 8] },
};
type Part =
  'EAX' | 'ECX' | 'EDX' | 'EBX' | 'AX' | 'CX' | 'DX' | 'BX' | 'SI' | 'DI' | 'AL' | 'DL' | 'BL' | 'AH' | 'BH';

interface Buffer {
  readonly through: Through & ('es:di' | 'ds:si' | 'es:bx');
  readonly sizeBytes: (words: Int32Array) => number;
}

interface Call {
  readonly vector: number;
  /** Values that make it this call. */
  readonly when: Partial<Record<Part, number>>;
  /** What it looks at besides. */
  readonly looksAt?: readonly Part[];
  readonly answersIn: readonly Part[];
  readonly buffer?: Buffer;
}

const EDD_PARAMETERS_BYTES = 0x4a;
const SECTOR_BYTES = 512;

/** Ralf Brown’s Interrupt List; the first that fits. What is not here is known by AX, BX, CX, DX. */
const CALLS: readonly Call[] = [
  {
    ...{ vector: 0x15, when: { AX: 0xe820 }, looksAt: ['EBX', 'ECX', 'EDX'] },
    answersIn: ['EAX', 'EBX', 'ECX'],
    buffer: { through: 'es:di', sizeBytes: (words) => part(words, 'ECX') },
  },
  { vector: 0x15, when: { AX: 0xe801 }, answersIn: ['AX', 'BX', 'CX', 'DX'] },
  { vector: 0x15, when: { AX: 0xec00 }, looksAt: ['BX'], answersIn: ['AX'] },
  { vector: 0x15, when: { AH: 0x88 }, answersIn: ['AX'] },
  {
    ...{ vector: 0x13, when: { AH: 0x02 }, looksAt: ['AL', 'CX', 'DX'], answersIn: ['AX'] },
    buffer: { through: 'es:bx', sizeBytes: (words) => part(words, 'AL') * SECTOR_BYTES },
  },
  { vector: 0x13, when: { AH: 0x08 }, looksAt: ['DL'], answersIn: ['AX', 'BX', 'CX', 'DX'] },
  { vector: 0x13, when: { AH: 0x41 }, looksAt: ['BX', 'DL'], answersIn: ['AX', 'BX', 'CX'] },
  {
    ...{ vector: 0x13, when: { AH: 0x48 }, looksAt: ['DL'], answersIn: ['AX'] },
    buffer: { through: 'ds:si', sizeBytes: () => EDD_PARAMETERS_BYTES },
  },
  { vector: 0x10, when: { AH: 0x00 }, looksAt: ['AL'], answersIn: ['AX'] },
  { vector: 0x10, when: { AH: 0x03 }, looksAt: ['BH'], answersIn: ['AX', 'CX', 'DX'] },
  { vector: 0x10, when: { AH: 0x0f }, answersIn: ['AX', 'BX'] },
  { vector: 0x10, when: { AH: 0x12 }, looksAt: ['AL', 'BL'], answersIn: ['AX', 'BX', 'CX'] },
  { vector: 0x10, when: { AX: 0x1a00 }, answersIn: ['AX', 'BX'] },
  {
    ...{ vector: 0x10, when: { AX: 0x4f00 }, answersIn: ['AX'] },
    buffer: { through: 'es:di', sizeBytes: () => 512 },
  },
  {
    ...{ vector: 0x10, when: { AX: 0x4f01 }, looksAt: ['CX'], answersIn: ['AX'] },
    buffer: { through: 'es:di', sizeBytes: () => 256 },
  },
  { vector: 0x10, when: { AX: 0x4f15, BL: 0 }, looksAt: ['CX'], answersIn: ['AX', 'BX'] },
  {
    ...{ vector: 0x10, when: { AX: 0x4f15, BL: 1 }, looksAt: ['CX', 'DX'], answersIn: ['AX'] },
    buffer: { through: 'es:di', sizeBytes: () => 128 },
  },
  { vector: 0x16, when: { AH: 0x02 }, answersIn: ['AX'] },
];
const DEFAULT_PARTS: readonly Part[] = ['AX', 'BX', 'CX', 'DX'];

const RSP = GENERAL + 2 * 4;
const OPCODE_INT = 0xcd;
const VECTORS = 256;
/** IP, CS and FLAGS. */
export const FRAME_BYTES = 6;

/** @returns undefined where control is not at the handler of an interrupt */
export function biosQuestion(words: Int32Array, memory: PhysicalMemory): Question | undefined {
  const vector = vectorOf(words, memory);
  if (vector === undefined) return undefined;
  const call = CALLS.find((each) => each.vector === vector && fits(each, words));
  const asked = call ? [...(Object.keys(call.when) as Part[]), ...(call.looksAt ?? [])] : DEFAULT_PARTS;
  return {
    text: [
      `BIOS interrupt ${hex(vector, 2)}`,
      ...asked.map((each) => `${each}=${hex(part(words, each), 1)}`),
    ].join(', '),
    places: call?.buffer ? [placeOf(call.buffer, words)] : [],
    outputs: (call?.answersIn ?? []).map((each) => ({
      name: GENERAL_NAMES[PARTS[each]![0]]!,
      bits: PARTS[each]![2] === 32 ? (32 as const) : (16 as const),
    })),
    scratch: { start: segmentBase(words, SS), end: stackTop(words) + FRAME_BYTES },
  };
}

/** Where the interrupt's frame begins; linear and physical. */
export function stackTop(words: Int32Array): number {
  return segmentBase(words, SS) + (words[RSP]! & 0xffff);
}

/** The INT instruction before the return address names it; else the first vector that leads here. */
function vectorOf(words: Int32Array, memory: PhysicalMemory): number | undefined {
  const [offset, selector] = [words[RIP]! & 0xffff, words[segmentWord(CS)]! & 0xffff];
  const leadsHere = (vector: number): boolean => {
    const entry = Buffer.from(memory.read(4 * vector, 4));
    return entry.readUInt16LE(0) === offset && entry.readUInt16LE(2) === selector;
  };
  const frame = Buffer.from(memory.read(stackTop(words), FRAME_BYTES));
  const returnsTo = (frame.readUInt16LE(2) << 4) + frame.readUInt16LE(0);
  const [opcode, vector] = returnsTo < 2 ? [] : memory.read(returnsTo - 2, 2);
  if (opcode === OPCODE_INT && leadsHere(vector!)) return vector;
  const found = Array.from({ length: VECTORS }, (_, index) => index).find(leadsHere);
  return found;
}

function fits({ when }: Call, words: Int32Array): boolean {
  return Object.entries(when).every(([name, value]) => part(words, name as Part) === value);
}

function placeOf({ through, sizeBytes }: Buffer, words: Int32Array): AnswerPlace {
  const [segment, offset] = ({ 'es:di': [ES, 'DI'], 'ds:si': [DS, 'SI'], 'es:bx': [ES, 'BX'] } as const)[
    through
  ];
  const size = sizeBytes(words);
  return { through, address: segmentBase(words, segment) + part(words, offset), sizeBytes: () => size };
}

function part(words: Int32Array, name: Part): number {
  const [register, shift, bits] = PARTS[name]!;
  const value = (words[GENERAL + 2 * register]! >>> shift) >>> 0;
  return bits === 32 ? value : value & ((1 << bits) - 1);
}

function segmentBase(words: Int32Array, segment: number): number {
  return words[SEGMENTS + segment * SEGMENT_WORDS + BASE]! >>> 0;
}
