/** MOV between integer places, MOVZX, MOVSX, MOVSXD, LEA, XCHG, CMOVcc, SETcc, BSWAP, CBW … CQO, LAHF, SAHF, NOP, XLAT (SDM 2A, 2B). */
import { CONDITIONS, FLAG, readFlags, writeSomeFlags } from '../state/flags.ts';
import { GENERAL } from '../state/state-layout.ts';
import { addressOf } from './addresses.ts';
import type { Build, Family } from './operation.ts';
import { linearAddress, placeOf, readerOf, registerPlace } from './places.ts';
import { generalRegister } from './registers.ts';

const move: Build = ({ operands }, { bitness }) => {
  const place = placeOf(operands[0], bitness);
  const read = readerOf(operands[1], bitness);
  if (!place || !read) return undefined;
  const { write } = place;
  return (cpu) => {
    const low = read(cpu);
    write(cpu, low, cpu.high);
  };
};

/** @param extend of a value of so many bytes to 32 bits */
const extending =
  (extend: (value: number, sizeBytes: number) => number, highOf: (low: number) => number): Build =>
  ({ operands }, { bitness }) => {
    const to = placeOf(operands[0], bitness);
    const from = placeOf(operands[1], bitness);
    if (!to || !from) return undefined;
    const { write } = to;
    const { read, size } = from;
    return (cpu) => {
      const low = extend(read(cpu), size);
      write(cpu, low, highOf(low));
    };
  };

function signExtended(value: number, sizeBytes: number): number {
  const shift = 32 - 8 * sizeBytes;
  return (value << shift) >> shift;
}

const loadAddress: Build = ({ operands }, { bitness }) => {
  const [to, from] = operands;
  const place = placeOf(to, bitness);
  if (!place || from?.kind !== 'memory') return undefined;
  const address = addressOf(from, bitness, { withSegment: false });
  const { write } = place;
  return (cpu) => {
    const low = address(cpu);
    write(cpu, low, cpu.high);
  };
};

const exchange: Build = ({ operands }, { bitness }) => {
  const [one, other] = [placeOf(operands[0], bitness), placeOf(operands[1], bitness)];
  if (!one || !other) return undefined;
  // A memory operand comes first, whichever way it is encoded: its faults come before any change.
  const [place, register] = operands[1]?.kind === 'memory' ? [other, one] : [one, other];
  return (cpu) => {
    const low = register.read(cpu);
    const high = cpu.high;
    let [oldLow, oldHigh] = [0, 0];
    place.update(cpu, (_, was, wasHigh) => {
      [oldLow, oldHigh] = [was, wasHigh];
      cpu.high = high;
      return low;
    });
    register.write(cpu, oldLow, oldHigh);
  };
};

const conditionalMove =
  (suffix: string): Build =>
  ({ operands }, { bitness }) => {
    const condition = CONDITIONS[suffix];
    const place = placeOf(operands[0], bitness);
    const read = readerOf(operands[1], bitness);
    if (!condition || !place || !read) return undefined;
    return (cpu) => {
      // The source is read in any case; so is a 4-byte destination's upper half cleared (SDM 2A, CMOVcc).
      const low = read(cpu);
      const high = cpu.high;
      if (condition(cpu.words)) place.write(cpu, low, high);
      else if (place.size === 4) place.write(cpu, place.read(cpu), 0);
    };
  };

const setByte =
  (suffix: string): Build =>
  ({ operands }, { bitness }) => {
    const condition = CONDITIONS[suffix];
    const place = placeOf(operands[0], bitness);
    if (!condition || !place) return undefined;
    return (cpu) => place.write(cpu, condition(cpu.words) ? 1 : 0, 0);
  };

const reversed = (value: number): number =>
  (value << 24) | ((value << 8) & 0xff_0000) | ((value >>> 8) & 0xff00) | (value >>> 24);

const swapBytes: Build = ({ operands }, { bitness }) => {
  const place = placeOf(operands[0], bitness);
  if (!place) return undefined;
  const { size } = place;
  return (cpu) =>
    place.update(cpu, (_, low, high) => {
      if (size === 8) {
        cpu.high = reversed(low);
        return reversed(high);
      }
      // Of 16 bits it is undefined; QEMU and processors give 0.
      return size === 4 ? reversed(low) : 0;
    });
};

const register = (name: string) => registerPlace(generalRegister(name)!);

/** Into a part of RAX from a smaller one, or into RDX its sign. */
const converting =
  (from: string, to: string, value: (low: number, high: number) => number): Build =>
  () => {
    const [source, target] = [register(from), register(to)];
    return (cpu) => {
      const low = source.read(cpu);
      const result = value(low, cpu.high);
      target.write(cpu, result, result >> 31);
    };
  };

const [AX_WORD, AH_SHIFT] = [GENERAL, 8];
const AH_FLAGS = FLAG.sf | FLAG.zf | FLAG.af | FLAG.pf | FLAG.cf;

const translateByte: Build = ({ operands }, { bitness }) => {
  const [operand] = operands;
  // Older decoders leave the operand out; what it says is always [BX + AL].
  if (operand?.kind !== 'memory') return undefined;
  const linear = linearAddress(operand, bitness, 1);
  return (cpu) => {
    const { words } = cpu;
    const [low, high] = [words[AX_WORD]!, words[AX_WORD + 1]!];
    // The index is AL alone, where all others are as wide as the address.
    words[AX_WORD] = low & 0xff;
    words[AX_WORD + 1] = 0;
    let value = low;
    try {
      value = cpu.memory.read8(linear.forRead(cpu), cpu.high);
    } finally {
      words[AX_WORD] = low;
      words[AX_WORD + 1] = high;
    }
    words[AX_WORD] = (low & ~0xff) | value;
  };
};

const nothing: Build = () => () => undefined;

export const suffixed = (prefix: string, build: (suffix: string) => Build): Family =>
  Object.fromEntries(Object.keys(CONDITIONS).map((suffix) => [prefix + suffix, build(suffix)]));

const zeroHigh = (): number => 0;
const signHigh = (low: number): number => low >> 31;

export const DATA_TRANSFER_FAMILY: Family = {
  mov: move,
  movzx: extending((value) => value, zeroHigh),
  movsx: extending(signExtended, signHigh),
  movsxd: extending(signExtended, signHigh),
  lea: loadAddress,
  xchg: exchange,
  bswap: swapBytes,
  xlatb: translateByte,
  cbw: converting('al', 'ax', (low) => signExtended(low, 1)),
  cwde: converting('ax', 'eax', (low) => signExtended(low, 2)),
  cdqe: converting('eax', 'rax', (low) => low),
  cwd: converting('ax', 'dx', (low) => signExtended(low, 2) >> 31),
  cdq: converting('eax', 'edx', (low) => low >> 31),
  cqo: converting('rax', 'rdx', (_, high) => high >> 31),
  lahf: () => (cpu) => {
    const flags = (readFlags(cpu.words) & AH_FLAGS) | 2;
    cpu.words[AX_WORD] = (cpu.words[AX_WORD]! & ~0xff00) | (flags << AH_SHIFT);
  },
  sahf: () => (cpu) => writeSomeFlags(cpu.words, cpu.words[AX_WORD]! >> AH_SHIFT, AH_FLAGS),
  nop: nothing,
  pause: nothing,
  endbr64: nothing,
  endbr32: nothing,
  ...suffixed('cmov', conditionalMove),
  ...suffixed('set', setByte),
};
