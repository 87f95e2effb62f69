/** BT, BTS, BTR, BTC, BSF, BSR, TZCNT, LZCNT, POPCNT (SDM 2A, 2B). Undefined flags as QEMU 7.2 leaves them, but BT's: as before. */
import type { MemoryOperand } from '../instruction.ts';
import {
  ARITHMETIC,
  FLAG,
  setCarry,
  setLogicFlags,
  setLogicFlags64,
  writeSomeFlags,
} from '../state/flags.ts';
import { BASE, FS, GS, segmentWord } from '../state/state-layout.ts';
import { addressOf, addressSize } from './addresses.ts';
import type { Bitness, Cpu } from './cpu.ts';
import type { Build, Family, Operation } from './operation.ts';
import { MEMORY_ACCESS, placeOf, type Place, type Read, readerOf, topShift } from './places.ts';
import { segmentIndex, type Size } from './registers.ts';

/** What becomes of the word in which the bit lies. */
type ChangeBit = (word: number, mask: number) => number;

/** @param bit 0 to 63. Sets CF to it. @returns the low word, the high one in `cpu.high`. */
function changed(cpu: Cpu, low: number, high: number, bit: number, change: ChangeBit): number {
  const mask = 1 << (bit & 31);
  const isHigh = bit >= 32;
  setCarry(cpu.words, ((isHigh ? high : low) & mask) !== 0);
  cpu.high = isHigh ? change(high, mask) : high;
  return isHigh ? low : change(low, mask);
}

const test: ChangeBit = (word) => word;

const bitOperation =
  (change: ChangeBit): Build =>
  ({ operands }, { bitness }) => {
    const [first, second] = operands;
    const place = placeOf(first, bitness);
    const index = readerOf(second, bitness);
    if (!place || !index) return undefined;
    if (first?.kind === 'memory' && second?.kind === 'register')
      return farBit(first, place.size, index, change, bitness);
    return nearBit(place, index, change);
  };

/** Within the operand: the index is cut to its size. */
function nearBit({ size, read, update }: Place, index: Read, change: ChangeBit): Operation {
  const mask = 8 * size - 1;
  if (change === test)
    return (cpu) => {
      const bit = index(cpu) & mask;
      const low = read(cpu);
      changed(cpu, low, cpu.high, bit, test);
    };
  return (cpu) => {
    const bit = index(cpu) & mask;
    update(cpu, (_, low, high) => changed(cpu, low, high, bit, change));
  };
}

/** In memory by a register: a signed index that reaches as far as the register does (SDM 2A §3.1.1.9, bit strings). */
function farBit(
  operand: MemoryOperand,
  size: Size,
  index: Read,
  change: ChangeBit,
  bitness: Bitness,
): Operation {
  const linear = movedAddress(operand, size, bitness, change === test ? 'readAddress' : 'writeAddress');
  const { read, write } = MEMORY_ACCESS[size];
  const shift = topShift(size);
  return (cpu) => {
    const low = index(cpu);
    const high = size === 8 ? cpu.high : low >> 31;
    const bit = low & (8 * size - 1);
    const bytes = size === 8 ? (low >>> 3) | (high << 29) : (low << shift) >> (shift + 3);
    const address = linear(cpu, bytes & -size, size === 8 ? high >> 3 : bytes >> 31);
    const addressHigh = cpu.high;
    if (change !== test) cpu.memory.probeWrite(address, addressHigh, size);
    const word = read(cpu, address, addressHigh);
    const result = changed(cpu, word, cpu.high, bit, change);
    if (change !== test) write(cpu, address, addressHigh, result, cpu.high);
  };
}

type MovedAddress = (cpu: Cpu, byLow: number, byHigh: number) => number;

/** The operand's linear address with its offset moved; checked by `check` outside 64-bit mode. */
function movedAddress(
  operand: MemoryOperand,
  size: Size,
  bitness: Bitness,
  check: 'readAddress' | 'writeAddress',
): MovedAddress {
  const offset = addressOf(operand, bitness, { withSegment: false });
  const width = addressSize(operand, bitness);
  const segment = segmentIndex(operand.segment) ?? 0;
  if (bitness !== 64)
    return (cpu, by) => {
      const moved = offset(cpu) + by;
      const linear = cpu[check](segment, width === 2 ? moved & 0xffff : moved | 0, size - 1);
      cpu.high = 0;
      return linear;
    };
  const base = segment === FS || segment === GS ? segmentWord(segment) + BASE : undefined;
  return (cpu, byLow, byHigh) => {
    const low = sum(cpu, offset(cpu), cpu.high, byLow, byHigh);
    if (width === 4) cpu.high = 0;
    return base === undefined ? low : sum(cpu, low, cpu.high, cpu.words[base]!, cpu.words[base + 1]!);
  };
}

/** @returns the low word, the high one in `cpu.high`. */
function sum(cpu: Cpu, aLow: number, aHigh: number, bLow: number, bHigh: number): number {
  const low = (aLow + bLow) | 0;
  cpu.high = (aHigh + bHigh + (low >>> 0 < aLow >>> 0 ? 1 : 0)) | 0;
  return low;
}

/** Number of the lowest bit that is set; 64: none is. */
function lowestBit(low: number, high: number): number {
  if (low !== 0) return 31 - Math.clz32(low & -low);
  return high === 0 ? 64 : 63 - Math.clz32(high & -high);
}

const leadingZeros = (low: number, high: number): number =>
  high === 0 ? 32 + Math.clz32(low) : Math.clz32(high);
const highestBit = (low: number, high: number): number => 63 - leadingZeros(low, high);

/** Of a source of 0 the target stays, as processors and QEMU have it; a 4-byte one loses its upper half, as in QEMU. */
const scan =
  (find: (low: number, high: number) => number): Build =>
  ({ operands }, { bitness }) => {
    const [to, from] = [placeOf(operands[0], bitness), readerOf(operands[1], bitness)];
    if (!to || !from) return undefined;
    const { size, read, write } = to;
    return (cpu) => {
      const low = from(cpu);
      const high = size === 8 ? cpu.high : 0;
      if (size === 8) setLogicFlags64(cpu.words, low, high);
      else setLogicFlags(cpu.words, low, topShift(size));
      if (low !== 0 || high !== 0) write(cpu, find(low, high), 0);
      else if (size === 4) write(cpu, read(cpu), 0);
    };
  };

/** @returns flags */
type CountFlags = (isSourceZero: boolean, isResultZero: boolean) => number;

const counting =
  (count: (low: number, high: number, bits: number) => number, flags: CountFlags): Build =>
  ({ operands }, { bitness }) => {
    const [to, from] = [placeOf(operands[0], bitness), readerOf(operands[1], bitness)];
    if (!to || !from) return undefined;
    const { size, write } = to;
    return (cpu) => {
      const low = from(cpu);
      const high = size === 8 ? cpu.high : 0;
      const result = count(low, high, 8 * size);
      writeSomeFlags(cpu.words, flags((low | high) === 0, result === 0), ARITHMETIC);
      write(cpu, result, 0);
    };
  };

function ones(word: number): number {
  const pairs = word - ((word >>> 1) & 0x5555_5555);
  const fours = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333);
  return Math.imul((fours + (fours >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24;
}

const carryAndZero: CountFlags = (isSourceZero, isResultZero) =>
  (isSourceZero ? FLAG.cf : 0) | (isResultZero ? FLAG.zf : 0);

export const BIT_FAMILY: Family = {
  bt: bitOperation(test),
  bts: bitOperation((word, mask) => word | mask),
  btr: bitOperation((word, mask) => word & ~mask),
  btc: bitOperation((word, mask) => word ^ mask),
  bsf: scan(lowestBit),
  bsr: scan(highestBit),
  tzcnt: counting((low, high, bits) => Math.min(bits, lowestBit(low, high)), carryAndZero),
  lzcnt: counting((low, high, bits) => leadingZeros(low, high) - (64 - bits), carryAndZero),
  popcnt: counting(
    (low, high) => ones(low) + ones(high),
    (isSourceZero) => (isSourceZero ? FLAG.zf : 0),
  ),
};
