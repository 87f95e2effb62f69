/** What string instructions walk with: SI, DI and CX of the address size (SDM 1 §7.3.9, 2B REP). */
import type { MemoryOperand } from '../instruction.ts';
import { PAGE_BYTES } from '../memory/physical-memory.ts';
import { FLAG } from '../state/flags.ts';
import { BASE, FS, GENERAL, GS, RFLAGS, segmentWord } from '../state/state-layout.ts';
import type { Bitness, Cpu } from './cpu.ts';
import { GuestFault } from './guest-fault.ts';
import { generalRegister, segmentIndex } from './registers.ts';

type AddressSize = 2 | 4 | 8;
type Access = 'read' | 'write';

const RCX = GENERAL + 2;
const FLAT = -1;

export class StringPointer {
  readonly addressSize: AddressSize;
  readonly #word: number;
  /** FLAT in 64-bit mode, but for FS and GS. */
  readonly #segment: number;
  readonly #base: number;
  readonly #access: Access;
  readonly #is64: boolean;

  constructor({ base = '', segment }: MemoryOperand, access: Access, bitness: Bitness) {
    const { word, size } = generalRegister(base)!;
    const index = segmentIndex(segment)!;
    this.addressSize = size as AddressSize;
    this.#word = word;
    this.#access = access;
    this.#is64 = bitness === 64;
    this.#segment = this.#is64 && index !== FS && index !== GS ? FLAT : index;
    this.#base = segmentWord(index) + BASE;
  }

  /** @returns the low word of the linear address; the high one is in `cpu.high`. @throws GuestFault of segmentation */
  linear(cpu: Cpu, sizeBytes: number): number {
    const { words } = cpu;
    const offset = this.#offset(words);
    if (this.#is64) {
      cpu.high = this.addressSize === 8 ? words[this.#word + 1]! : 0;
      if (this.#segment === FLAT) return offset;
      const low = (offset + words[this.#base]!) | 0;
      cpu.high = (cpu.high + words[this.#base + 1]! + (low >>> 0 < offset >>> 0 ? 1 : 0)) | 0;
      return low;
    }
    cpu.high = 0;
    return this.#access === 'read'
      ? cpu.readAddress(this.#segment, offset, sizeBytes - 1)
      : cpu.writeAddress(this.#segment, offset, sizeBytes - 1);
  }

  /**
   * How many elements going up lie in one page and one segment and before the register's end; 1 where even the first does not.
   * @param most at least 1
   */
  elementsInPage(cpu: Cpu, sizeBytes: number, most: number): number {
    const { words } = cpu;
    const offset = this.#offset(words);
    const linear = this.#segment === FLAT ? offset : (offset + words[this.#base]!) | 0;
    const inPage = PAGE_BYTES - (linear & (PAGE_BYTES - 1));
    const inRegister = (this.addressSize === 2 ? 0x1_0000 : 0x1_0000_0000) - (offset >>> 0);
    let count = Math.min(most, Math.floor(Math.min(inPage, inRegister) / sizeBytes));
    while (count > 1 && !this.#isAllowed(cpu, count * sizeBytes)) count >>= 1;
    return Math.max(1, count);
  }

  /** @param byBytes signed */
  advance(words: Int32Array, byBytes: number): void {
    addTo(words, this.#word, this.addressSize, byBytes);
  }

  #offset(words: Int32Array): number {
    return this.addressSize === 2 ? words[this.#word]! & 0xffff : words[this.#word]!;
  }

  #isAllowed(cpu: Cpu, sizeBytes: number): boolean {
    if (this.#is64) return true;
    try {
      this.linear(cpu, sizeBytes);
      return true;
    } catch (fault) {
      if (fault instanceof GuestFault) return false;
      throw fault;
    }
  }
}

/** Bytes to the next element. */
export function stride(words: Int32Array, sizeBytes: number): number {
  return (words[RFLAGS]! & FLAG.df) === 0 ? sizeBytes : -sizeBytes;
}

/** What CX, ECX or RCX still counts; a number beyond 32 bits as 2³² − 1. */
export function countLeft(words: Int32Array, addressSize: AddressSize): number {
  if (addressSize === 2) return words[RCX]! & 0xffff;
  return addressSize === 8 && words[RCX + 1] !== 0 ? 0xffff_ffff : words[RCX]! >>> 0;
}

export function countDown(words: Int32Array, addressSize: AddressSize, by: number): void {
  addTo(words, RCX, addressSize, -by);
}

/** @param by less than 2³¹ either way */
function addTo(words: Int32Array, word: number, size: AddressSize, by: number): void {
  const was = words[word]!;
  if (size === 2) {
    words[word] = (was & ~0xffff) | ((was + by) & 0xffff);
    return;
  }
  const low = (was + by) | 0;
  words[word] = low;
  if (size === 4) words[word + 1] = 0;
  else if (by > 0 && low >>> 0 < was >>> 0) words[word + 1] = (words[word + 1]! + 1) | 0;
  else if (by < 0 && low >>> 0 > was >>> 0) words[word + 1] = (words[word + 1]! - 1) | 0;
}
