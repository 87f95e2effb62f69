/** Operands as iced-x86 describes them → operands as plain data. */
import type * as icedModule from 'iced-x86';
import { type MemoryOperand, type Operand, type RegisterName } from './instruction.ts';

export type Iced = typeof icedModule;
export type IcedInstruction = InstanceType<Iced['Instruction']>;

type ReadOperand = (iced: Iced, instruction: IcedInstruction, index: number) => Operand;

const unsigned64 = (value: bigint): bigint => BigInt.asUintN(64, value);

const register: ReadOperand = (iced, instruction, index) => ({
  kind: 'register',
  register: registerName(iced, instruction.opRegister(index)) ?? '',
});

const branch: ReadOperand = (_iced, instruction) => ({
  kind: 'branch',
  target: unsigned64(instruction.nearBranchTarget),
});

const immediate =
  (bits: number): ReadOperand =>
  (_iced, instruction, index) => ({
    kind: 'immediate',
    value: BigInt.asUintN(bits, instruction.immediate(index)),
  });

/** String instructions address memory through one register, without displacement; `es` cannot be overridden (SDM 1 §3.7.4). */
const string =
  (base: RegisterName, fixedSegment?: 'es'): ReadOperand =>
  (iced, instruction) => ({
    kind: 'memory',
    base,
    scale: 1,
    displacement: 0n,
    segment: fixedSegment ?? registerName(iced, instruction.memorySegment) ?? 'ds',
    sizeBytes: iced.MemorySizeExt.size(instruction.memorySize),
  });

const READERS: Readonly<Record<keyof Iced['OpKind'], ReadOperand>> = {
  Register: register,
  NearBranch16: branch,
  NearBranch32: branch,
  NearBranch64: branch,
  FarBranch16: (_iced, instruction) => ({
    kind: 'far',
    selector: instruction.farBranchSelector,
    offset: BigInt(instruction.farBranch16),
  }),
  FarBranch32: (_iced, instruction) => ({
    kind: 'far',
    selector: instruction.farBranchSelector,
    offset: BigInt(instruction.farBranch32 >>> 0),
  }),
  Immediate8: immediate(8),
  Immediate8_2nd: immediate(8),
  Immediate16: immediate(16),
  Immediate32: immediate(32),
  Immediate64: immediate(64),
  Immediate8to16: immediate(16),
  Immediate8to32: immediate(32),
  Immediate8to64: immediate(64),
  Immediate32to64: immediate(64),
  MemorySegSI: string('si'),
  MemorySegESI: string('esi'),
  MemorySegRSI: string('rsi'),
  MemorySegDI: string('di'),
  MemorySegEDI: string('edi'),
  MemorySegRDI: string('rdi'),
  MemoryESDI: string('di', 'es'),
  MemoryESEDI: string('edi', 'es'),
  MemoryESRDI: string('rdi', 'es'),
  Memory: memory,
};

/** The operand at `index`, in Intel's order. */
export function readOperand(iced: Iced, instruction: IcedInstruction, index: number): Operand {
  const kind = iced.OpKind[instruction.opKind(index)] as keyof Iced['OpKind'];
  return READERS[kind](iced, instruction, index);
}

function memory(iced: Iced, instruction: IcedInstruction): MemoryOperand {
  const base = registerName(iced, instruction.memoryBase);
  const index = registerName(iced, instruction.memoryIndex);
  const ripRelative = instruction.isIpRelMemoryOperand
    ? unsigned64(instruction.ipRelMemoryAddress)
    : undefined;
  return {
    kind: 'memory',
    ...(base !== undefined && { base }),
    ...(index !== undefined && { index }),
    scale: instruction.memoryIndexScale as MemoryOperand['scale'],
    displacement: displacement(iced, instruction, ripRelative),
    ...(ripRelative !== undefined && { ripRelative }),
    segment: registerName(iced, instruction.memorySegment) ?? 'ds',
    sizeBytes: iced.MemorySizeExt.size(instruction.memorySize),
  };
}

/** iced gives 64 bits of either sign, and the target itself where it is relative to the instruction pointer. */
function displacement(iced: Iced, instruction: IcedInstruction, ripRelative: bigint | undefined): bigint {
  const given = instruction.memoryDisplacement;
  const { memoryBase, memoryIndex } = instruction;
  if (ripRelative !== undefined) return BigInt.asIntN(32, ripRelative - instruction.nextIP);
  const { None } = iced.Register;
  if (memoryBase === None && memoryIndex === None) return unsigned64(given);
  const register = memoryBase === None ? memoryIndex : memoryBase;
  return BigInt.asIntN(Math.min(64, iced.RegisterExt.size(register) * 8), given);
}

function registerName(iced: Iced, value: icedModule.Register): RegisterName | undefined {
  return value === iced.Register.None ? undefined : iced.Register[value]?.toLowerCase();
}
