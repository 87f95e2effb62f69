/** Registers of a vector: by their 64-, 32- or 16-bit names, and what the CPU's state holds beside them. */
import { generalRegister } from '../x86/execute/registers.ts';
import {
  CR0,
  CR2,
  CR3,
  CR4,
  EFER,
  RFLAGS,
  RIP,
  SEGMENT_NAMES,
  segmentWord,
  SELECTOR,
} from '../x86/state/state-layout.ts';

export interface VectorRegister {
  readonly word: number;
  readonly bits: 16 | 32 | 64;
}

const SYSTEM: Readonly<Record<string, VectorRegister>> = {
  rip: { word: RIP, bits: 64 },
  eip: { word: RIP, bits: 32 },
  ip: { word: RIP, bits: 16 },
  rflags: { word: RFLAGS, bits: 32 },
  eflags: { word: RFLAGS, bits: 32 },
  flags: { word: RFLAGS, bits: 16 },
  cr0: { word: CR0, bits: 32 },
  cr2: { word: CR2, bits: 64 },
  cr3: { word: CR3, bits: 64 },
  cr4: { word: CR4, bits: 32 },
  efer: { word: EFER, bits: 32 },
  ...Object.fromEntries(
    SEGMENT_NAMES.map((name, index) => [name, { word: segmentWord(index) + SELECTOR, bits: 16 as const }]),
  ),
};

export const SEGMENTS_WITH_BASES = SEGMENT_NAMES;

/** @returns undefined where it is none that a vector may name: parts of 8 bits, vector registers. */
export function vectorRegister(name: string): VectorRegister | undefined {
  if (Object.hasOwn(SYSTEM, name)) return SYSTEM[name];
  const part = generalRegister(name);
  if (!part || part.size === 1) return undefined;
  return { word: part.word, bits: (8 * part.size) as 16 | 32 | 64 };
}

/** The bits of the register's name only; those beyond stay. */
export function setVectorRegister(words: Int32Array, { word, bits }: VectorRegister, value: bigint): void {
  const low = Number(BigInt.asIntN(32, value));
  words[word] = bits === 16 ? (words[word]! & ~0xffff) | (low & 0xffff) : low;
  if (bits === 64) words[word + 1] = Number(BigInt.asIntN(32, value >> 32n));
}
