/**
 * MOVS, STOS, LODS, SCAS, CMPS, INS, OUTS with and without repetition (SDM 1 §7.3.9, 2B REP). One operation does all the
 * iterations. Where one of them faults, the registers show how far it came, and the instruction can be executed again.
 */
import type { ExecutableInstruction, MemoryOperand, Operand } from '../instruction.ts';
import { FLAG, isZero, readFlags, writeFlags } from '../state/flags.ts';
import { GENERAL, RFLAGS } from '../state/state-layout.ts';
import { subtract, subtractWide } from './arithmetic.ts';
import type { Bitness, Cpu } from './cpu.ts';
import { generalProtection } from './guest-fault.ts';
import type { Build, Family, Operation, Setting } from './operation.ts';
import { MEMORY_ACCESS, placeOf, topShift } from './places.ts';
import type { Size } from './registers.ts';
import { countDown, countLeft, stride, StringPointer } from './string-pointers.ts';

const [RAX, RDX] = [GENERAL, GENERAL + 4];

/** Does one element or several; where it throws, no register has changed. @param most at least 1. @returns how many */
type Pass = (cpu: Cpu, most: number) => number;

/** The flags decide, too, whether there is another iteration. */
type GoesOn = (words: Int32Array) => boolean;

function once(pass: Pass): Operation {
  return (cpu) => {
    cpu.iterations = 1;
    pass(cpu, 1);
  };
}

function repeated(pass: Pass, addressSize: 2 | 4 | 8): Operation {
  return (cpu) => {
    const { words } = cpu;
    cpu.iterations = 0;
    for (let left = countLeft(words, addressSize); left !== 0; left = countLeft(words, addressSize)) {
      const done = pass(cpu, left);
      countDown(words, addressSize, done);
      cpu.iterations += done;
    }
  };
}

/** A fault leaves the flags as they were before the first iteration (SDM 2B, REP). */
function repeatedWhile(pass: Pass, addressSize: 2 | 4 | 8, goesOn: GoesOn): Operation {
  return (cpu) => {
    const { words } = cpu;
    const flags = readFlags(words);
    cpu.iterations = 0;
    try {
      for (let left = countLeft(words, addressSize); left !== 0; left = countLeft(words, addressSize)) {
        pass(cpu, 1);
        countDown(words, addressSize, 1);
        cpu.iterations++;
        if (!goesOn(words)) return;
      }
    } catch (fault) {
      writeFlags(words, flags);
      throw fault;
    }
  };
}

type MakePass = (operands: readonly Operand[], bitness: Bitness) => Pass | undefined;

const memoryOf = (operands: readonly Operand[]): MemoryOperand | undefined =>
  operands.find((operand) => operand.kind === 'memory');

/** `movsd` and `cmpsd` are names of vector instructions, too. */
const isString = ({ code, operands }: ExecutableInstruction): boolean =>
  /^(?:Movs|Cmps|Stos|Lods|Scas|Ins|Outs)[bwdq]_(?!xmm)/.test(code) && memoryOf(operands) !== undefined;

const addressSizeOf = (operands: readonly Operand[], bitness: Bitness): 2 | 4 | 8 =>
  new StringPointer(memoryOf(operands)!, 'read', bitness).addressSize;

/** Either prefix repeats (SDM 2B, REP: F2 with these is reserved; processors and QEMU repeat). */
const transfer =
  (make: MakePass): Build =>
  (instruction, { bitness }) => {
    const { operands, repeat } = instruction;
    const pass = isString(instruction) ? make(operands, bitness) : undefined;
    if (!pass) return undefined;
    return repeat ? repeated(pass, addressSizeOf(operands, bitness)) : once(pass);
  };

const isNotZero: GoesOn = (words) => !isZero(words);

const comparison =
  (make: MakePass) =>
  (instruction: ExecutableInstruction, { bitness }: Setting): Operation | undefined => {
    const { operands, repeat } = instruction;
    const pass = isString(instruction) ? make(operands, bitness) : undefined;
    if (!pass) return undefined;
    if (!repeat) return once(pass);
    return repeatedWhile(pass, addressSizeOf(operands, bitness), repeat === 'rep' ? isZero : isNotZero);
  };

const store: MakePass = ([operand], bitness) => {
  if (operand?.kind !== 'memory') return undefined;
  const to = new StringPointer(operand, 'write', bitness);
  const size = operand.sizeBytes as Size;
  const { write } = MEMORY_ACCESS[size];
  return (cpu, most) => {
    const { words, memory } = cpu;
    const by = stride(words, size);
    const count = most === 1 || by < 0 ? 1 : to.elementsInPage(cpu, size, most);
    const address = to.linear(cpu, count * size);
    if (count === 1) write(cpu, address, cpu.high, words[RAX]!, words[RAX + 1]!);
    else memory.fill(address, cpu.high, size, count, words[RAX]!, words[RAX + 1]!);
    to.advance(words, count * by);
    return count;
  };
};

const move: MakePass = ([target, source], bitness) => {
  if (target?.kind !== 'memory' || source?.kind !== 'memory') return undefined;
  const to = new StringPointer(target, 'write', bitness);
  const from = new StringPointer(source, 'read', bitness);
  const size = target.sizeBytes as Size;
  const { read, write } = MEMORY_ACCESS[size];
  const one = (cpu: Cpu): void => {
    const low = read(cpu, from.linear(cpu, size), cpu.high);
    const high = cpu.high;
    const address = to.linear(cpu, size);
    write(cpu, address, cpu.high, low, high);
  };
  const many = (cpu: Cpu, count: number): void => {
    const source = from.linear(cpu, count * size);
    const sourceHigh = cpu.high;
    const target = to.linear(cpu, count * size);
    cpu.memory.copy(source, sourceHigh, target, cpu.high, size, count);
  };
  return (cpu, most) => {
    const { words } = cpu;
    const by = stride(words, size);
    const count =
      most === 1 || by < 0 ? 1 : to.elementsInPage(cpu, size, from.elementsInPage(cpu, size, most));
    if (count === 1) one(cpu);
    else many(cpu, count);
    from.advance(words, count * by);
    to.advance(words, count * by);
    return count;
  };
};

const load: MakePass = ([target, source], bitness) => {
  const place = placeOf(target, bitness);
  if (!place || source?.kind !== 'memory') return undefined;
  const from = new StringPointer(source, 'read', bitness);
  const { read } = MEMORY_ACCESS[place.size];
  return (cpu) => {
    const low = read(cpu, from.linear(cpu, place.size), cpu.high);
    place.write(cpu, low, cpu.high);
    from.advance(cpu.words, stride(cpu.words, place.size));
    return 1;
  };
};

/** Sets the flags of first − second. */
function compare(cpu: Cpu, size: Size, low: number, high: number, otherLow: number, otherHigh: number): void {
  if (size === 8) subtractWide(cpu, low, high, otherLow, otherHigh);
  else subtract(cpu.words, low, otherLow, topShift(size));
}

/** First operand: the accumulator or what SI points at; second: what DI points at. */
const scan: MakePass = ([first, second], bitness) => {
  if (second?.kind !== 'memory') return undefined;
  const source = first?.kind === 'memory' ? new StringPointer(first, 'read', bitness) : undefined;
  const accumulator = source ? undefined : placeOf(first, bitness);
  const other = new StringPointer(second, 'read', bitness);
  const size = second.sizeBytes as Size;
  const { read } = MEMORY_ACCESS[size];
  return (cpu) => {
    const low = source ? read(cpu, source.linear(cpu, size), cpu.high) : accumulator!.read(cpu);
    const high = cpu.high;
    const otherLow = read(cpu, other.linear(cpu, size), cpu.high);
    compare(cpu, size, low, high, otherLow, cpu.high);
    const by = stride(cpu.words, size);
    source?.advance(cpu.words, by);
    other.advance(cpu.words, by);
    return 1;
  };
};

/** @throws GuestFault: #GP(0) beyond IOPL; the TSS's permission bitmap is not looked at (known-divergences.ts). */
function requirePortAccess(cpu: Cpu): void {
  if (cpu.isProtected && cpu.privilege > (cpu.words[RFLAGS]! & FLAG.iopl) >>> 12) throw generalProtection();
}

const portIn: MakePass = ([operand], bitness) => {
  if (operand?.kind !== 'memory') return undefined;
  const to = new StringPointer(operand, 'write', bitness);
  const size = operand.sizeBytes as Size;
  const { write } = MEMORY_ACCESS[size];
  return (cpu) => {
    requirePortAccess(cpu);
    const address = to.linear(cpu, size);
    const high = cpu.high;
    // A port that was read cannot be read again: a fault of the write must come before.
    cpu.memory.probeWrite(address, high, size);
    write(cpu, address, high, cpu.inputs.readPort(cpu.words[RDX]! & 0xffff, size), 0);
    to.advance(cpu.words, stride(cpu.words, size));
    return 1;
  };
};

const portOut: MakePass = ([, operand], bitness) => {
  if (operand?.kind !== 'memory') return undefined;
  const from = new StringPointer(operand, 'read', bitness);
  const size = operand.sizeBytes as Size;
  const { read } = MEMORY_ACCESS[size];
  return (cpu) => {
    requirePortAccess(cpu);
    const value = read(cpu, from.linear(cpu, size), cpu.high);
    cpu.inputs.writePort(cpu.words[RDX]! & 0xffff, size, value);
    from.advance(cpu.words, stride(cpu.words, size));
    return 1;
  };
};

const sized = (stem: string, build: Build): Family =>
  Object.fromEntries(['b', 'w', 'd', 'q'].map((suffix) => [stem + suffix, build]));

export const STRING_FAMILY: Family = {
  ...sized('movs', transfer(move)),
  ...sized('stos', transfer(store)),
  ...sized('lods', transfer(load)),
  ...sized('ins', transfer(portIn)),
  ...sized('outs', transfer(portOut)),
  ...sized('scas', comparison(scan)),
  ...sized('cmps', comparison(scan)),
};
