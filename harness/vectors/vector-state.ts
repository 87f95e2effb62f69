/** A machine as a vector assumes it: flat segments, no paging. */
import { FLAG } from '../x86/state/flags.ts';
import {
  ATTRIBUTES,
  BASE,
  CS,
  DS,
  LDTR,
  LIMIT,
  RFLAGS,
  RIP,
  SEGMENT_NAMES,
  segmentWord,
  SELECTOR,
  STATE_WORDS,
  TR,
  writeField,
} from '../x86/state/state-layout.ts';
import type { Vector } from './vector.ts';
import { setVectorRegister, vectorRegister } from './vector-registers.ts';

const FLAGS_THAT_EXIST = 0x3f_7fd5;
const ALWAYS_SET = 2;
const CR0_OF = { 16: 0x10n, 32: 0x11n, 64: 0x11n };
/** LME and LMA. */
const LONG_MODE = 0x500n;
/** Present, accessed, ring 0; code readable, data writable (SDM 3A §3.4.5). */
const CODE = { 16: 0x9b00, 32: 0x00cf_9b00, 64: 0x00af_9b00 };
const DATA = { 16: 0x9300, 32: 0x00cf_9300, 64: 0x00cf_9300 };
const [LDT, BUSY_TSS] = [0x8200, 0x8b00];
const [CODE_SELECTOR, DATA_SELECTOR] = [8, 16];
const REAL_LIMIT = 0xffff;
/** Of real mode's vector table. */
const IVT_LIMIT = 0x3ffn;

export interface InitialState {
  readonly words: Int32Array;
  /** Linear, of the instruction. */
  readonly entry: bigint;
}

export function initialWords(bitness: 16 | 32 | 64, initial: Vector['initial']): InitialState {
  const words = new Int32Array(STATE_WORDS);
  for (let index = 0; index <= TR; index++) flatSegment(words, index, bitness);
  writeField(words, 'cr0', CR0_OF[bitness]);
  writeField(words, 'efer', bitness === 64 ? LONG_MODE : 0n);
  writeField(words, 'idtr.limit', bitness === 16 ? IVT_LIMIT : 0n);
  writeField(words, 'a20', 1n);
  for (const [name, base] of initial.bases)
    setBase(words, SEGMENT_NAMES.indexOf(name as 'es'), base, bitness);
  for (const [name, value] of initial.registers) setVectorRegister(words, vectorRegister(name)!, value);
  words[RFLAGS] = (words[RFLAGS]! & FLAGS_THAT_EXIST & ~FLAG.vm) | ALWAYS_SET;
  const base = bitness === 64 ? 0 : words[segmentWord(CS) + BASE]!;
  const low = BigInt((words[RIP]! + base) >>> 0);
  const high = bitness === 64 ? BigInt(words[RIP + 1]! >>> 0) << 32n : 0n;
  return { words, entry: high | low };
}

function flatSegment(words: Int32Array, index: number, bitness: 16 | 32 | 64): void {
  const at = segmentWord(index);
  if (index > DS + 2) {
    words[at + LIMIT] = REAL_LIMIT;
    words[at + ATTRIBUTES] = index === LDTR ? LDT : BUSY_TSS;
    return;
  }
  words[at + LIMIT] = bitness === 16 ? REAL_LIMIT : -1;
  words[at + ATTRIBUTES] = (index === CS ? CODE : DATA)[bitness];
  words[at + SELECTOR] = bitness === 16 ? 0 : index === CS ? CODE_SELECTOR : DATA_SELECTOR;
}

/** In real mode the selector goes with the base, unless the vector gives one of its own. */
function setBase(words: Int32Array, index: number, base: bigint, bitness: 16 | 32 | 64): void {
  const at = segmentWord(index);
  words[at + BASE] = Number(BigInt.asIntN(32, base));
  if (bitness === 64) words[at + BASE + 1] = Number(BigInt.asIntN(32, base >> 32n));
  if (bitness === 16) words[at + SELECTOR] = Number((base >> 4n) & 0xffffn);
}
