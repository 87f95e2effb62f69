/** Marks along string instructions, with or without `rep`: by how far their pointers went. */
import type { ExecutableInstruction, MemoryOperand } from '../x86/instruction.ts';
import type { Bitness, Cpu } from '../x86/execute/cpu.ts';
import { linearAddress, type LinearAddress } from '../x86/execute/places.ts';
import { generalRegister } from '../x86/execute/registers.ts';
import { FLAG } from '../x86/state/flags.ts';
import { RFLAGS } from '../x86/state/state-layout.ts';
import { PAGE_BYTES, type PhysicalPage } from '../x86/memory/physical-memory.ts';
import { type MarkedMemory, placeOf } from './marked-memory.ts';

interface Walk {
  readonly linear: LinearAddress;
  /** The pointer's word in the CPU's state. */
  readonly word: number;
  readonly is16: boolean;
}

/** Of `movs`, `stos` and `ins`. */
export interface StringPlan {
  readonly elementBytes: number;
  readonly target: Walk;
  /** Of `movs`. */
  readonly source: Walk | undefined;
  /** `stos`: the accumulator is stored. */
  readonly storesAccumulator: boolean;
}

const ELEMENT = { b: 1, w: 2, d: 4, q: 8 } as const;

export function stringPlanOf(
  { mnemonic, operands: [first, second] }: ExecutableInstruction,
  bitness: Bitness,
): StringPlan | undefined {
  const name = /^(movs|stos|ins)([bwdq])$/.exec(mnemonic);
  if (!name || first?.kind !== 'memory' || (name[1] === 'movs') !== (second?.kind === 'memory'))
    return undefined;
  return {
    elementBytes: ELEMENT[name[2] as keyof typeof ELEMENT],
    target: walkOf(first, bitness),
    source: second?.kind === 'memory' ? walkOf(second, bitness) : undefined,
    storesAccumulator: name[1] === 'stos',
  };
}

function walkOf(operand: MemoryOperand, bitness: Bitness): Walk {
  const { word, size } = generalRegister(operand.base!)!;
  return { linear: linearAddress(operand, bitness, 1), word, is16: size === 2 };
}

/** Before it is executed. */
export interface StringStart {
  readonly pointer: number;
  readonly target: Linear;
  readonly source: Linear | undefined;
}

interface Linear {
  readonly low: number;
  readonly high: number;
}

/** @throws GuestFault where the instruction will */
export function startOf({ target, source }: StringPlan, cpu: Cpu): StringStart {
  return {
    pointer: cpu.words[target.word]!,
    target: linearOf(cpu, target, 'forWrite'),
    source: source && linearOf(cpu, source, 'forRead'),
  };
}

function linearOf(cpu: Cpu, { linear }: Walk, access: 'forRead' | 'forWrite'): Linear {
  const low = linear[access](cpu);
  return { low, high: cpu.high };
}

/** After it was executed, or some of its iterations. @param isAddress whether what `stos` stores is one */
export function followString(
  { elementBytes, target, source, storesAccumulator }: StringPlan,
  start: StringStart,
  { cpu, memory, isAddress }: { cpu: Cpu; memory: MarkedMemory; isAddress: boolean },
): void {
  const isDown = (cpu.words[RFLAGS]! & FLAG.df) !== 0;
  const signed = cpu.words[target.word]! - start.pointer;
  const distance = target.is16 ? signed & 0xffff : signed >>> 0;
  const count = isDown && distance !== 0 ? -(distance - (target.is16 ? 0x1_0000 : 0x1_0000_0000)) : distance;
  const pages = new Pages(cpu);
  for (let done = 0; done < count; done += elementBytes) {
    const by = isDown ? -done : done;
    if (!source || !start.source) {
      const place = placeOf(cpu, ...moved(start.target, by), elementBytes, 'write');
      memory.store(place, storesAccumulator && isAddress);
      continue;
    }
    for (let at = by; at < by + elementBytes; at++) {
      const [from, to] = [moved(start.source, at), moved(start.target, at)];
      const sourcePage = pages.find(from, 'read');
      memory.copyByte(
        sourcePage,
        from[0] & (PAGE_BYTES - 1),
        pages.find(to, 'write'),
        to[0] & (PAGE_BYTES - 1),
      );
    }
  }
}

function moved({ low, high }: Linear, by: number): [low: number, high: number] {
  const sum = (low + by) | 0;
  const carry = by >= 0 ? (sum >>> 0 < low >>> 0 ? 1 : 0) : sum >>> 0 > low >>> 0 ? -1 : 0;
  return [sum, high === 0 ? 0 : (high + carry) | 0];
}

/** The page of either side that was met last: there are thousands of bytes in each. */
class Pages {
  readonly #cpu: Cpu;
  readonly #last = new Map<'read' | 'write', { low: number; high: number; page: PhysicalPage }>();

  constructor(cpu: Cpu) {
    this.#cpu = cpu;
  }

  find([low, high]: [number, number], access: 'read' | 'write'): PhysicalPage {
    const start = low & -PAGE_BYTES;
    const last = this.#last.get(access);
    if (last?.low === start && last.high === high) return last.page;
    const page = this.#cpu.memory.pageFor(low, high, access);
    this.#last.set(access, { low: start, high, page });
    return page;
  }
}
