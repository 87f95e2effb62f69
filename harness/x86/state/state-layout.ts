/**
 * The architectural state of one CPU as an array of 32-bit words: what the model computes with, what a trace records and
 * what two runs are compared by. Values of 64 bits are two words, low half first.
 * Source: Intel SDM 3A §2.1 (system registers), §3.4.3 (segment registers and their hidden parts).
 */

/** 16 × (low, high): RAX RCX RDX RBX RSP RBP RSI RDI R8 … R15, the order of their encoding (SDM 2A §2.1.5). */
export const GENERAL = 0;
/** The instruction pointer: an offset in the code segment. */
export const RIP = 32;
/** The low word only: the high one is reserved. */
export const RFLAGS = 34;
/** ES CS SS DS FS GS, the order of their encoding, then LDTR and TR; {@link SEGMENT_WORDS} each. */
export const SEGMENTS = 36;
export const SEGMENT_WORDS = 5;
/** Words within a segment register. Limit: in bytes, granularity applied. */
export const [SELECTOR, BASE, BASE_HIGH, LIMIT, ATTRIBUTES] = [0, 1, 2, 3, 4];
/** Base (low, high) and limit. */
export const GDTR = 76;
export const IDTR = 79;
export const CR0 = 82;
export const CR2 = 83;
export const CR3 = 85;
export const CR4 = 87;
export const EFER = 88;
/** 1: address line 20 is connected. */
export const A20 = 89;
export const STATE_WORDS = 90;

export const [ES, CS, SS, DS, FS, GS, LDTR, TR] = [0, 1, 2, 3, 4, 5, 6, 7];

export const GENERAL_NAMES = [
  ...['rax', 'rcx', 'rdx', 'rbx', 'rsp', 'rbp', 'rsi', 'rdi'],
  ...['r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15'],
] as const;
export const SEGMENT_NAMES = ['es', 'cs', 'ss', 'ds', 'fs', 'gs', 'ldtr', 'tr'] as const;

/** Where a segment register's words begin. @param index {@link ES} … {@link TR} */
export function segmentWord(index: number): number {
  return SEGMENTS + index * SEGMENT_WORDS;
}

/** One register or part of it: its name, its first word, and whether the next word is its high half. */
export interface StateField {
  readonly name: string;
  readonly word: number;
  readonly isWide: boolean;
}

const wide = (name: string, word: number): StateField => ({ name, word, isWide: true });
const narrow = (name: string, word: number): StateField => ({ name, word, isWide: false });

/** All of the state, in the order of its words. */
export const STATE_FIELDS: readonly StateField[] = [
  ...GENERAL_NAMES.map((name, index) => wide(name, GENERAL + 2 * index)),
  wide('rip', RIP),
  narrow('rflags', RFLAGS),
  ...SEGMENT_NAMES.flatMap((name, index) => [
    narrow(`${name}.selector`, segmentWord(index) + SELECTOR),
    wide(`${name}.base`, segmentWord(index) + BASE),
    narrow(`${name}.limit`, segmentWord(index) + LIMIT),
    narrow(`${name}.attributes`, segmentWord(index) + ATTRIBUTES),
  ]),
  wide('gdtr.base', GDTR),
  narrow('gdtr.limit', GDTR + 2),
  wide('idtr.base', IDTR),
  narrow('idtr.limit', IDTR + 2),
  narrow('cr0', CR0),
  wide('cr2', CR2),
  wide('cr3', CR3),
  narrow('cr4', CR4),
  narrow('efer', EFER),
  narrow('a20', A20),
];

/** Unsigned. @throws RangeError where the state has no such field. */
export function readField(words: Int32Array, name: string): bigint {
  const field = fieldNamed(name);
  const low = BigInt(words[field.word]! >>> 0);
  return field.isWide ? low | (BigInt(words[field.word + 1]! >>> 0) << 32n) : low;
}

/** Bits beyond the field's width are dropped. @throws RangeError where the state has no such field. */
export function writeField(words: Int32Array, name: string, value: bigint): void {
  const field = fieldNamed(name);
  words[field.word] = Number(BigInt.asIntN(32, value));
  if (field.isWide) words[field.word + 1] = Number(BigInt.asIntN(32, value >> 32n));
}

const BY_NAME = new Map(STATE_FIELDS.map((field) => [field.name, field]));

function fieldNamed(name: string): StateField {
  const field = BY_NAME.get(name);
  if (!field) throw new RangeError(`the CPU state has no ${JSON.stringify(name)}`);
  return field;
}
