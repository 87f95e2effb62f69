/** XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B (SDM 2A, 2C). One CPU: LOCK has nothing to do; whether it may stand there the decoder says. */
import { FLAG, writeSomeFlags } from '../state/flags.ts';
import { GENERAL } from '../state/state-layout.ts';
import { add, addWide, subtract, subtractWide } from './arithmetic.ts';
import { generalProtection } from './guest-fault.ts';
import type { Build, Family } from './operation.ts';
import { linearAddress, placeOf, registerPlace, topShift } from './places.ts';
import { generalRegister, type Size } from './registers.ts';

const ACCUMULATORS: Readonly<Record<Size, string>> = { 1: 'al', 2: 'ax', 4: 'eax', 8: 'rax' };

const exchangeAndAdd: Build = ({ operands }, { bitness }) => {
  const [place, register] = [placeOf(operands[0], bitness), placeOf(operands[1], bitness)];
  if (!place || !register) return undefined;
  const { size } = place;
  const shift = topShift(size);
  const isMemory = operands[0]?.kind === 'memory';
  return (cpu) => {
    const addend = register.read(cpu);
    const addendHigh = cpu.high;
    let [oldLow, oldHigh] = [0, 0];
    place.update(cpu, (_, low, high) => {
      [oldLow, oldHigh] = [low, high];
      // Of one register with itself the sum stays: the other is written first (SDM 2C, XADD).
      if (!isMemory) register.write(cpu, low, high);
      return size === 8 ? addWide(cpu, low, high, addend, addendHigh) : add(cpu.words, low, addend, shift);
    });
    if (isMemory) register.write(cpu, oldLow, oldHigh);
  };
};

/** Memory is written in any case; a register that is not equal is not touched, not even its upper half. */
const compareAndExchange: Build = ({ operands }, { bitness }) => {
  const [place, register] = [placeOf(operands[0], bitness), placeOf(operands[1], bitness)];
  if (!place || !register) return undefined;
  const { size } = place;
  const shift = topShift(size);
  const accumulator = registerPlace(generalRegister(ACCUMULATORS[size])!);
  const isMemory = operands[0]?.kind === 'memory';
  const isEqual = (cpu: Parameters<typeof addWide>[0], low: number, high: number): boolean => {
    const value = accumulator.read(cpu);
    return size === 8
      ? (subtractWide(cpu, value, cpu.high, low, high) | cpu.high) === 0
      : subtract(cpu.words, value, low, shift) << shift === 0;
  };
  if (!isMemory)
    return (cpu) => {
      const low = place.read(cpu);
      const high = cpu.high;
      if (!isEqual(cpu, low, high)) accumulator.write(cpu, low, high);
      else place.write(cpu, register.read(cpu), cpu.high);
    };
  return (cpu) =>
    place.update(cpu, (_, low, high) => {
      if (isEqual(cpu, low, high)) return register.read(cpu);
      accumulator.write(cpu, low, high);
      cpu.high = high;
      return low;
    });
};

const [RAX, RCX, RDX, RBX] = [GENERAL, GENERAL + 2, GENERAL + 4, GENERAL + 6];

const compareAndExchange8: Build = ({ operands }, { bitness }) => {
  const place = placeOf(operands[0], bitness);
  if (place?.size !== 8) return undefined;
  return (cpu) =>
    place.update(cpu, ({ words }, low, high) => {
      const isEqual = low === words[RAX] && high === words[RDX];
      writeSomeFlags(words, isEqual ? FLAG.zf : 0, FLAG.zf);
      if (isEqual) {
        cpu.high = words[RCX]!;
        return words[RBX]!;
      }
      for (const [word, value] of [
        [RAX, low],
        [RDX, high],
      ] as const) {
        words[word] = value;
        words[word + 1] = 0;
      }
      cpu.high = high;
      return low;
    });
};

const compareAndExchange16: Build = ({ operands }, { bitness }) => {
  const [operand] = operands;
  if (operand?.kind !== 'memory') return undefined;
  const linear = linearAddress(operand, bitness, 16);
  return (cpu) => {
    const { words, memory } = cpu;
    const address = linear.forWrite(cpu);
    const high = cpu.high;
    if ((address & 15) !== 0) throw generalProtection();
    memory.probeWrite(address, high, 16);
    const old = [
      memory.read64(address, high),
      memory.high,
      memory.read64(address + 8, high),
      memory.high,
    ] as const;
    const at = [RAX, RAX + 1, RDX, RDX + 1] as const;
    const isEqual = old.every((word, i) => word === words[at[i]!]);
    writeSomeFlags(words, isEqual ? FLAG.zf : 0, FLAG.zf);
    if (!isEqual) return old.forEach((word, i) => (words[at[i]!] = word));
    memory.write64(address, high, words[RBX]!, words[RBX + 1]!);
    memory.write64(address + 8, high, words[RCX]!, words[RCX + 1]!);
  };
};

export const EXCHANGE_FAMILY: Family = {
  xadd: exchangeAndAdd,
  cmpxchg: compareAndExchange,
  cmpxchg8b: compareAndExchange8,
  cmpxchg16b: compareAndExchange16,
};
