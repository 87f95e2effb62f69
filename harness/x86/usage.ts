/** What an instruction reads and writes, as iced-x86 tells it → as plain data. */
import type * as icedModule from 'iced-x86';
import type { MemoryOperand, RegisterName } from './instruction.ts';
import { type Iced, type IcedInstruction, readOperand } from './operands.ts';

export interface Access {
  readonly reads: boolean;
  readonly writes: boolean;
  /** Whether it may not come to the write: `cmov`, `cmpxchg`, a repeated string instruction. */
  readonly isConditional: boolean;
}

export interface UsedRegister extends Access {
  readonly register: RegisterName;
}

export interface UsedMemory extends Access {
  /** With a size of 0 where the instruction does not say: repeated string instructions. */
  readonly operand: MemoryOperand;
}

export interface Usage {
  /** Of the explicit operands, in their order; neither read nor written: the address of `lea`. */
  readonly operands: readonly Access[];
  /**
   * All registers, also those that addresses are made of, as parts of them that are used. `xor %eax,%eax` only writes; a
   * string instruction's pointers are written.
   */
  readonly registers: readonly UsedRegister[];
  /** The explicit operand first, then what is on the stack. */
  readonly memory: readonly UsedMemory[];
  readonly flags: UsedFlags;
}

/** The six status flags (SDM 1 §3.4.3.1), taken together. */
export interface UsedFlags {
  /** At least one of them. */
  readonly reads: boolean;
  /** At least one; one that is undefined afterwards counts. */
  readonly writes: boolean;
  /** All of them: what they were does not matter any more. */
  readonly replaces: boolean;
}

const access = (reads: boolean, writes: boolean, isConditional = false): Access => ({
  reads,
  writes,
  isConditional,
});

const ACCESSES: Readonly<Record<keyof Iced['OpAccess'], Access>> = {
  None: access(false, false),
  Read: access(true, false),
  CondRead: access(true, false),
  Write: access(false, true),
  CondWrite: access(false, true, true),
  ReadWrite: access(true, true),
  ReadCondWrite: access(true, true, true),
  NoMemAccess: access(false, false),
};

/** Frees what it is given by iced; the instruction stays the caller's. */
export function usageOf(
  iced: Iced,
  factory: InstanceType<Iced['InstructionInfoFactory']>,
  decoded: IcedInstruction,
): Usage {
  const info = factory.info(decoded);
  try {
    return {
      operands: Array.from({ length: decoded.opCount }, (_, index) => accessOf(iced, info.opAccess(index))),
      registers: freed(info.usedRegisters() as icedModule.UsedRegister[], (used) => ({
        register: nameOf(iced, used.register) ?? '',
        ...accessOf(iced, used.access),
      })),
      memory: freed(info.usedMemory() as icedModule.UsedMemory[], (used, index) => ({
        operand: (index === 0 && relativeOperand(iced, decoded)) || operandOf(iced, used),
        ...accessOf(iced, used.access),
      })),
      flags: flagsOf(iced, decoded),
    };
  } finally {
    info.free();
  }
}

function flagsOf({ RflagsBits: { OF, SF, ZF, AF, CF, PF } }: Iced, decoded: IcedInstruction): UsedFlags {
  const status = OF | SF | ZF | AF | CF | PF;
  const written = decoded.rflagsModified & status;
  return { reads: (decoded.rflagsRead & status) !== 0, writes: written !== 0, replaces: written === status };
}

function freed<T extends { free(): void }, R>(
  used: readonly T[],
  describe: (each: T, index: number) => R,
): R[] {
  try {
    return used.map(describe);
  } finally {
    for (const each of used) each.free();
  }
}

function accessOf(iced: Iced, value: icedModule.OpAccess): Access {
  return ACCESSES[iced.OpAccess[value] as keyof Iced['OpAccess']];
}

/** iced tells its address only, which holds for where it was decoded. */
function relativeOperand(iced: Iced, decoded: IcedInstruction): MemoryOperand | undefined {
  if (!decoded.isIpRelMemoryOperand) return undefined;
  for (let index = 0; index < decoded.opCount; index++) {
    const operand = readOperand(iced, decoded, index);
    if (operand.kind === 'memory') return operand;
  }
  return undefined;
}

function operandOf(iced: Iced, used: icedModule.UsedMemory): MemoryOperand {
  const [base, index] = [nameOf(iced, used.base), nameOf(iced, used.index)];
  return {
    kind: 'memory',
    ...(base !== undefined && { base }),
    ...(index !== undefined && { index }),
    scale: used.scale as MemoryOperand['scale'],
    displacement: used.displacement,
    segment: nameOf(iced, used.segment) ?? 'ds',
    sizeBytes: iced.MemorySizeExt.size(used.memorySize),
  };
}

function nameOf(iced: Iced, value: icedModule.Register): RegisterName | undefined {
  return value === iced.Register.None ? undefined : iced.Register[value]?.toLowerCase();
}
